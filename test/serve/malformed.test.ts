// Some hundreds of malformed requests: no crash, no 500, every answer a JSON error that names the field, and the bits of a right request
// afterwards. test/slow/serve.mjs sends many thousands.

import { expect, test } from 'vitest';
import { outputs, POSTERIORS, post, request, rowsFor, runtime, start } from './harness.ts';

/** Plain JavaScript, for the slow test runs it without a build. */
const { attack, ATTACKS } = await import(new URL('../slow/serving/malformed.mjs', import.meta.url).href);

test.each(Object.keys(ATTACKS))('malformed requests: %s', async (kind) => {
  const { url, lines } = await start({ limits: { bodyMs: 100, inflatedBytes: 1 << 20 }, logLevel: 'error' });
  const { statuses, flaws } = await attack(Number(new URL(url).port), { count: 40, only: [kind] });
  expect(flaws).toEqual([]);
  expect(lines).toEqual([]);
  const refused = Object.entries(statuses as Record<string, number>).filter(([status]) => status !== '200');
  expect(refused.reduce((sum, [, n]) => sum + n, 0)).toBeGreaterThan(5);
  const rows = rowsFor('pair', 2);
  const answer = await post(`${url}/v2/models/pair/infer`, request(rows, { parameters: { draws: 5 } }));
  expect(outputs(answer).mean.data).toEqual([
    ...(await runtime.predict(POSTERIORS.pair, rows, { draws: 5 })).mean,
  ]);
});
