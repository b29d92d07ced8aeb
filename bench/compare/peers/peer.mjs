// What every peer in JavaScript is: the same protocol as peer.py, one JSON object a line.

import { createInterface } from 'node:readline';

/** Layer sizes out of a case's name, such as 'step 784-50-50-10'. */
export function sizesOf(name) {
  return name.split(' ')[1].split('-').map(Number);
}

/**
 * Answers until the input ends.
 * @param {object} hello what is said of the peer
 * @param {Map<string, { case: string, variant: string, sample: (milliseconds: number) => Promise<object> }>} cases
 *   by case and variant; `sample` gives { ms } of one unit, and what else it likes
 */
export async function serve(hello, cases) {
  const answer = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    if (request.op === 'hello') {
      answer({
        ...hello,
        cases: [...cases.values()].map((each) => ({ case: each.case, variant: each.variant })),
      });
      continue;
    }
    const before = process.cpuUsage();
    try {
      const sampled = await cases.get(`${request.case}/${request.variant}`).sample(request.seconds * 1000);
      const { user, system } = process.cpuUsage(before);
      answer({ ...sampled, cpu: (user + system) / 1e6 });
    } catch (error) {
      answer({ error: `${error.name}: ${error.message}` });
    }
  }
}
