// The OpenAPI document: every endpoint there is stands in it, and schemathesis from PyPI finds no answer that contradicts it. VARPOOL_PYTHON names a
// Python that has it (pip install schemathesis); without one that part is skipped.

import { spawn, spawnSync } from 'node:child_process';

import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../cli/cli.ts';
import { call, start } from './harness.ts';

const PYTHON = process.env.VARPOOL_PYTHON ?? 'python3';
const PROGRAM = PYTHON.includes('/') ? join(dirname(PYTHON), 'schemathesis') : 'schemathesis';
const there = spawnSync(PROGRAM, ['--version']).status === 0;

test('every path in the document is answered, and by no others than the methods it says', async () => {
  const { url } = await start();
  const { body } = await call(`${url}/openapi.json`);
  expect(Object.keys(body.paths).length).toBeGreaterThan(15);
  for (const [path, operations] of Object.entries(body.paths as Record<string, object>)) {
    const at = url + path.replace('{model}', 'pair').replace('{version}', '1');
    const methods = Object.keys(operations).filter((name) => name !== 'parameters');
    for (const method of ['get', 'post', 'put', 'delete']) {
      const { status, headers } = await fetch(at, { method: method.toUpperCase() });
      if (methods.includes(method)) expect([200, 400], `${method} ${path}`).toContain(status);
      else {
        expect(status, `${method} ${path}`).toBe(405);
        expect(headers.get('allow')?.toLowerCase().split(', ')).toEqual(expect.arrayContaining(methods));
      }
    }
    // It was unloaded on the way.
    await fetch(`${url}/v2/repository/models/pair/load`, { method: 'POST' });
  }
});

test.skipIf(!there)(
  `schemathesis finds nothing [needs schemathesis${there ? '' : ', which is not here'}]`,
  { timeout: 300_000 },
  async () => {
    const dir = temporaryDirectory();
    const { url, lines } = await start({ logLevel: 'error', limits: { bodyMs: 500 } });
    // That sizes and data of a tensor agree cannot be said in a schema: what is valid by the schema may be refused.
    const words = [
      'run',
      `${url}/openapi.json`,
      '--max-examples',
      '20',
      '--seed',
      '1',
      '--exclude-checks',
      'positive_data_acceptance',
    ];
    const { status, output } = await run(PROGRAM, words, dir);
    expect(output).toMatch(/[1-9]\d* generated/);
    expect(status, output.slice(-6000)).toBe(0);
    expect(lines).toEqual([]);
  },
);

function run(
  program: string,
  words: string[],
  cwd: string,
): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, words, { cwd });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => {
        output += text;
      });
    child.on('close', (status) => resolve({ status, output }));
  });
}
