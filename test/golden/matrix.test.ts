// The script behind npm run test:matrix: it fails on any other bit, and renews the digests for a new kernel epoch only.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'varpool-matrix-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const golden = readFileSync('test/golden/digests.json', 'utf8');
const file = join(dir, 'digests.json');
/** 1, 2 and 3 workers, and the module for a CPU without fused multiply-add. */
const rows = process.arch === 'x64' ? 4 : 3;

/** Runs the script on this Node and one backend, with digests of our own. */
function matrix(digests: string, ...args: string[]) {
  writeFileSync(file, digests);
  const [major] = process.versions.node.split('.');
  const all = ['test/golden/matrix.mjs', '--node', major, '--backend', 'wasm', '--golden', file, ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('one wrong digest: status 1, and the table says where', () => {
  const { classes } = JSON.parse(golden).digests;
  const { status, stdout } = matrix(golden.replace(classes.predictions, 'ab'.repeat(32)));
  expect(status).toBe(1);
  expect(stdout.match(/DIFFERS: classes predictions$/gm)).toHaveLength(rows);
  expect(stdout).toMatch(new RegExp(`in all ${rows} rows, got others in ${rows} — `));
});

test('--update for a raised epoch writes the digests there are; without one it refuses and writes nothing', () => {
  const { kernelEpoch } = JSON.parse(golden);
  const old = `{ "kernelEpoch": ${kernelEpoch - 1}, "digests": {} }`;
  const renewed = matrix(old, '--update');
  expect(renewed, renewed.stderr).toMatchObject({ status: 0 });
  expect(renewed.stdout).toContain(`${rows} of ${rows} the same`);
  expect(readFileSync(file, 'utf8')).toBe(golden);
  for (const epoch of [kernelEpoch, kernelEpoch + 1]) {
    const text = golden.replace(/"kernelEpoch": \d+/, `"kernelEpoch": ${epoch}`);
    expect(matrix(text, '--update')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^matrix: digests\.json: expected a kernel epoch above \d+, got \d+ — raise it in /,
      ),
    });
    expect(readFileSync(file, 'utf8')).toBe(text);
  }
  const foreign = matrix(old);
  expect(foreign.status).toBe(2);
  expect(foreign.stderr).toContain(
    `expected the digests of kernel epoch ${kernelEpoch}, got those of ${kernelEpoch - 1}`,
  );
});
