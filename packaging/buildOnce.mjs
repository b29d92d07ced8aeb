// @ts-check
// Builds where something has changed since the last time, and says so before it does: for scripts that run the build.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv, execPath, exit, stderr } from 'node:process';
import { fileURLToPath } from 'node:url';

/** Everything a build is made from; `node_modules/.package-lock.json` changes with what is installed. */
const INPUTS = [
  'src',
  'kernels',
  'packaging',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'node_modules/.package-lock.json',
];
const STAMP = 'dist/.built';

/**
 * Whether a checkout has to be built: never built, or an input is newer.
 * @param {string} root
 */
export function isStale(root) {
  const stamp = statSync(join(root, STAMP), { throwIfNoEntry: false });
  if (stamp === undefined || !existsSync(join(root, 'dist/cli/main.js'))) return true;
  return INPUTS.some((path) => newest(join(root, path)) > stamp.mtimeMs);
}

/**
 * Time of the last change below a path, that of directories included: a file that is gone is a change too.
 * @param {string} path
 * @returns {number}
 */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return readdirSync(path).reduce((last, name) => Math.max(last, newest(join(path, name))), stat.mtimeMs);
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const root = fileURLToPath(new URL('../', import.meta.url));
  if (isStale(root)) {
    stderr.write(
      `building${existsSync(join(root, 'dist')) ? ' what has changed' : ' for the first time, up to a minute'} …\n`,
    );
    const started = new Date();
    // npm names its own program; where this runs without npm, it is on the PATH. Nothing of the build belongs on stdout.
    const { npm_execpath: npm } = process.env;
    const [command, ...words] = npm === undefined ? ['npm'] : [execPath, npm];
    const options = { cwd: root, stdio: /** @type {const} */ (['ignore', 2, 2]), shell: npm === undefined };
    const { status } = spawnSync(command, [...words, 'run', '--silent', 'build'], options);
    if (status !== 0) exit(status ?? 1);
    writeFileSync(join(root, STAMP), `${started.toISOString()}\n`);
  }
}
