// The recipes of docs/serving.md are run as a reader would run them, with a posterior of their own.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { save } from '../../src/index.ts';
import { temporaryDirectory } from '../cli/cli.ts';
import { type Answer, POSTERIORS, request, rowsFor, runtime } from './harness.ts';

const dir = temporaryDirectory();
const file = join(dir, 'posterior.safetensors');
const rows = rowsFor('curve', 3);
const guide = readFileSync('docs/serving.md', 'utf8');

beforeAll(() => void save(file, POSTERIORS.curve));

/** The recipe that mentions `word`, with our posterior in place of that of the guide. */
function recipe(word: string): string {
  const blocks = [...guide.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, block]) => block);
  const found = blocks.filter((block) => block.includes(word));
  expect(found).toHaveLength(1);
  return found[0]
    .replaceAll('runs/strength/posterior.safetensors', file)
    .replace('port: 3000', 'port: 0')
    .replace('listen(3000)', 'listen(0)');
}

function run(source: string): unknown {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-'], {
    input: source,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

const told = async (options: object) => {
  const { mean, variance } = await runtime.predict(POSTERIORS.curve, rows, options);
  return { mean: [...mean], sd: [...variance].map(Math.sqrt) };
};

test('Fastify: the bits of runtime.predict, 400 for what is wrong, and an end by itself', async () => {
  const source = `${recipe('Fastify()')}
    const ask = async (mixes) => {
      const response = await fetch(url + '/strength', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ mixes }) });
      return [response.status, await response.json()];
    };
    const answers = [await ask(${JSON.stringify(rows)}), await ask([[1, 2]])];
    await app.close();
    console.log(JSON.stringify(answers));`;
  expect(run(source)).toEqual([
    [200, await told({})],
    [400, { error: expect.stringMatching(/^predict: expected 3 columns, got 2/) }],
  ]);
});

/** Ends a recipe of Express: asks `asked` [path, body], closes, and prints the answers. */
const askExpress = (asked: readonly (readonly [string, unknown])[]) => `
    await new Promise((resolve) => listening.once('listening', resolve));
    const answers = [];
    for (const [path, body] of ${JSON.stringify(asked)}) {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch('http://127.0.0.1:' + listening.address().port + path, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
      answers.push([response.status, await response.json()]);
    }
    listening.close();
    console.log(JSON.stringify(answers));`;

test('Express: the bits of runtime.predict, 400 for what is wrong, and an end by itself', async () => {
  const asked = [{ mixes: rows }, { mixes: [[1, 2]] }, {}, '{'].map((body) => ['/strength', body] as const);
  const [answered, columns, nothing, syntax] = run(recipe('express.json') + askExpress(asked)) as unknown[];
  expect(answered).toEqual([200, await told({})]);
  expect(columns).toEqual([400, { error: expect.stringMatching(/^predict: expected 3 columns, got 2/) }]);
  expect(nothing).toEqual([400, { error: expect.stringMatching(/^predict: x: expected .*, got nothing/) }]);
  expect(syntax).toEqual([400, { error: expect.any(String) }]);
});

test('Express: the whole protocol below a path of its own', async () => {
  const source = recipe('inference.handle').replace("['runs/strength']", '[{ name: "strength", posterior }]');
  const opened = `import { load } from 'varpool'; const posterior = load(${JSON.stringify(file)});\n`;
  const asked = [
    ['/inference/v2/models/strength/infer', request(rows)],
    ['/inference/v2/models/other/infer', request(rows)],
  ] as const;
  const [answered, unknown] = run(opened + source + askExpress(asked)) as [number, Answer['body']][];
  const { mean } = await runtime.predict(POSTERIORS.curve, rows);
  expect(answered[0]).toBe(200);
  expect(answered[1].outputs.find(({ name }: { name: string }) => name === 'mean').data).toEqual([...mean]);
  expect(unknown).toEqual([404, { error: expect.stringMatching(/got "other"/) }]);
});

test('a serverless function: every call with one session, which does not keep the process alive', async () => {
  const source = `${recipe('handler(event)')}
    const event = (value) => ({ body: typeof value === 'string' ? value : JSON.stringify(value) });
    const answers = [];
    for (const value of [{ rows: ${JSON.stringify(rows)} }, { rows: ${JSON.stringify(rows)} }, { rows: [[1, null, 2]] }, '{'])
      answers.push(await handler(event(value)));
    console.log(JSON.stringify(answers.map(({ statusCode, body }) => [statusCode, JSON.parse(body)])));`;
  const right = await told({ mode: 'marginal' });
  expect(run(source)).toEqual([
    [200, right],
    [200, right],
    [400, { error: expect.stringMatching(/got null in row 0, column 1/) }],
    [400, { error: expect.any(String) }],
  ]);
});

test('createServer of the guide serves a run and a posterior', () => {
  const source = `
    const { load } = await import('varpool');
    const posterior = load(${JSON.stringify(file)});
    ${recipe('const server = await createServer').replace("'runs/strength', ", '').replace('port: 8080', 'port: 0')}
    const { models } = await (await fetch(url + '/v2/models')).json();
    await server.close();
    console.log(JSON.stringify(models));`;
  expect(run(source)).toEqual([{ name: 'mine', version: '1', state: 'READY', reason: '' }]);
});
