// The recipes of docs/serving.md are run as a reader would run them, with a posterior of their own.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { save } from '../../src/index.ts';
import { temporaryDirectory } from '../cli/cli.ts';
import { POSTERIORS, rowsFor, runtime } from './harness.ts';

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
  return found[0].replaceAll('runs/strength/posterior.safetensors', file).replace('port: 3000', 'port: 0');
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
