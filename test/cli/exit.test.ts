// The end of a command: koffi's exit handlers sync the standard streams, and wait for ever where that fails. A command ends all the same.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const require = createRequire(import.meta.url);

function koffi(): string | null {
  try {
    return dirname(require.resolve('koffi'));
  } catch {
    return null;
  }
}

const traced = spawnSync('strace', ['-qq', '-e', 'trace=none', 'true']).status === 0;

test.runIf(traced && koffi() !== null)('comes with its status where standard error cannot be synced', () => {
  for (const [words, wanted] of [
    [['doctor', '--json'], 0],
    [['trian'], 2],
  ] as const) {
    const inject = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO'];
    const command = [process.execPath, '--require', koffi() as string, MAIN, ...words];
    const { status, signal } = spawnSync('strace', [...inject, ...command], {
      timeout: 30_000,
      killSignal: 'SIGKILL',
    });
    expect({ words, status, signal }).toEqual({ words, status: wanted, signal: null });
  }
});
