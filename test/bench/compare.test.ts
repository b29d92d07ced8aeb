// The comparison as it is run, with no peer but varpool itself, and how it takes peers that fail. No time is asserted.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'varpool-compare-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Answer {
  readonly ms?: number;
  readonly error?: string;
}
const { Peer } = (await import(new URL('../../bench/compare/process.mjs', import.meta.url).href)) as {
  Peer: new (spec: {
    name: string;
    command: string[];
  }) => { ask(message: object): Promise<Answer>; close(): Promise<void> };
};

test('varpool alone: every backend that is here, by round, in a file', () => {
  const out = join(dir, 'compare.json');
  const words = ['--peers', 'none', '--only', 'epoch 13', '--rounds', '2', '--seconds', '0.02', '--out', out];
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bench/compare/compare.mjs', ...words], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, expect.stringContaining('round 2 of 2')]);
  expect(stdout).toMatch(/^epoch 13-50-1$/m);
  expect(stdout).toMatch(/varpool wasm, workers: 1 +[\d.]+ (µs|ms)/);
  const report = JSON.parse(readFileSync(out, 'utf8')) as {
    rounds: number;
    versions: Record<string, string>;
    results: { case: string; kind: string; times: number[] }[];
    summary: { value: number | null }[];
  };
  expect(report.rounds).toBe(2);
  expect(report.versions.varpool).toMatch(/^\d+\.\d+\.\d+$/);
  expect(report.results.length).toBeGreaterThan(0);
  for (const { case: name, kind, times } of report.results) {
    expect([name, kind, times.length]).toEqual(['epoch 13-50-1', 'varpool', 2]);
    expect(Math.min(...times)).toBeGreaterThan(0);
  }
  // Nothing to compare with: no row of the summary has a value.
  expect(report.summary.every(({ value }) => value === null)).toBe(true);
}, 180_000);

describe('a peer', () => {
  const peer = (program: string) => new Peer({ name: 'fake', command: [process.execPath, '-e', program] });

  test('answers line by line', async () => {
    const echo = peer(
      "require('readline').createInterface({ input: process.stdin }).on('line', (l) => console.log(l))",
    );
    expect(await echo.ask({ ms: 1 })).toEqual({ ms: 1 });
    expect(await echo.ask({ ms: 2 })).toEqual({ ms: 2 });
    await echo.close();
  });

  test('takes the code that is best on this processor, whatever the environment asks for', async () => {
    for (const name of ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE', 'VARPOOL_TEST_KEPT'])
      vi.stubEnv(name, 'Prescott');
    const told = peer("process.stdin.once('data', () => console.log(JSON.stringify(process.env)))");
    const env = (await told.ask({})) as Record<string, string>;
    vi.unstubAllEnvs();
    await told.close();
    expect(Object.keys(env).filter((name) => name.startsWith('OPENBLAS_'))).toEqual([]);
    expect(env.VARPOOL_TEST_KEPT).toBe('Prescott');
  });

  test('that ends is an error with what it said, not a hang', async () => {
    const dying = peer("process.stdin.once('data', () => { throw new Error('no such library') })");
    const { error } = await dying.ask({ op: 'hello' });
    expect(error).toMatch(/^fake: expected an answer, got none: .*no such library/);
    await dying.close();
  });

  test('that is no program is an error too', async () => {
    const missing = new Peer({ name: 'fake', command: [join(dir, 'none')] });
    const { error } = await missing.ask({ op: 'hello' });
    expect(error).toMatch(/^fake: expected an answer, got none: .*ENOENT/);
    await missing.close();
  });
});
