// Runs the built command as a user does: a process of its own in an empty directory.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll } from 'vitest';

export const MAIN = resolve('dist/cli/main.js');
/** Whatever the terminal of the tests is like, what they read has no color in it. */
const env = () => ({ ...process.env, FORCE_COLOR: '0' });

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory that is gone when the file's tests are done. */
export function temporaryDirectory(): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'varpool-cli-')));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export function varpool(cwd: string, ...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd,
    env: env(),
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { status, stdout, stderr };
}

/** Starts the command and leaves it running. */
export function startVarpool(cwd: string, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: env() });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolveEnd) =>
    child.on('close', (status) => resolveEnd({ status, stdout: '', stderr })),
  );
  const wrote = async (pattern: RegExp) => {
    while (!pattern.test(stderr)) await new Promise((next) => setTimeout(next, 10));
  };
  return { child, ended, wrote };
}

/** The JSON object that is all of stdout. */
export function jsonOf(ended: Ended): Record<string, unknown> {
  return JSON.parse(ended.stdout) as Record<string, unknown>;
}

/** A small config; `data` and `training` stand in it as they are. */
export function writeConfig(
  dir: string,
  name: string,
  data: string,
  training = '{ epochs: 5, batchSize: 16 }',
): string {
  const path = join(dir, name);
  writeFileSync(
    path,
    `seed: test\ndata: ${data}\nmodel: { hiddenSizes: [8] }\ntraining: ${training}\nprediction: { draws: 10 }\n`,
  );
  return path;
}

export const CURVE = '{ kind: synthetic, rows: 64, testRows: 20, validation: 8, standardize: both }';

/** Two classes told apart by the sign of their first number. */
export function flowers(rows: number, header = 'width,height,kind\n'): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const kind = i % 2 === 0 ? 'rose' : 'lily, white';
    return `${(i % 2 === 0 ? 1 : -1) * (1 + (i % 5) / 5)},${(i % 7) / 7},"${kind}"\n`;
  });
  return header + lines.join('');
}
