// @ts-check
// varpool in projects made from scratch: by bundlers, tracers, frameworks, runtimes, TypeScript and test runners. Each row builds a program
// that trains, serves a session and prints a digest, moves what was traced away from everything else, runs it, and compares the digest with
// that of plain Node. Prints a table.
//   node test/bundlers/run.mjs [--only webpack,nft,…|core] [--keep]

import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ROWS } from './rows.mjs';

/**
 * @typedef {object} Project
 * @property {string} root with varpool and the row's packages in node_modules
 * @property {string} dir where the row's files are, in or under `root`
 * @property {string} away an empty folder with no node_modules above it
 * @property {(name: string, text: string) => void} write
 * @property {(command: string, args: string[], options?: { cwd?: string, env?: Record<string, string> }) => string} run
 * @property {(args: string[], cwd?: string) => string} node
 * @property {(name: string) => string} bin
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { values } = parseArgs({ options: { only: { type: 'string' }, keep: { type: 'boolean' } } });
const wanted = values.only?.split(',');
const rows = ROWS.filter(
  ({ name, core }) => wanted === undefined || wanted.includes(name) || (wanted.includes('core') && core),
);
assert(
  rows.length > 0,
  `bundlers: expected core or some of ${ROWS.map(({ name }) => name).join(', ')}, got ${values.only}`,
);

/** @type {string | undefined} What the program prints where nothing is bundled. */
let plain;
const temporary = mkdtempSync(join(tmpdir(), 'varpool-bundlers-'));
/** @param {string} command @param {string[]} args @param {string} cwd @param {Record<string, string>} [env] */
function run(command, args, cwd, env = {}) {
  try {
    const options = /** @type {const} */ ({
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 600_000,
    });
    return execFileSync(command, args, { ...options, env: { ...process.env, ...env } });
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      message,
    } = /** @type {Error & { stdout?: string, stderr?: string }} */ (error);
    throw new Error(`${command} ${args.join(' ').slice(0, 200)}: ${stdout}${stderr}` || message);
  }
}

/** @param {string} dir @param {readonly string[]} packages */
function install(dir, packages) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'package.json'), '{ "name": "scratch", "private": true, "type": "module" }\n');
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  run('npm', ['install', ...quiet, tarball, ...packages], dir);
}

/** Rows that are quick enough for every change share what they install. @param {import('./rows.mjs').Row} row @returns {Project} */
function projectOf({ name, core, packages }) {
  const slug = name.replace(/\W+/g, '-').replace(/^-|-$/g, '');
  const root = join(temporary, core ? 'core' : slug);
  const dir = core ? join(root, slug) : root;
  const away = join(temporary, 'away', slug);
  mkdirSync(away, { recursive: true });
  const all = core ? [...new Set(rows.flatMap((row) => (row.core ? row.packages : [])))] : packages;
  if (!existsSync(root)) install(root, all);
  mkdirSync(dir, { recursive: true });
  return {
    root,
    dir,
    away,
    write(file, text) {
      mkdirSync(dirname(join(dir, file)), { recursive: true });
      writeFileSync(join(dir, file), text);
    },
    run: (command, args, { cwd = dir, env = {} } = {}) => run(command, args, cwd, env),
    node: (args, cwd = dir) => run(process.execPath, args, cwd),
    bin: (program) => join(root, 'node_modules', '.bin', program),
  };
}

const [{ filename }] = JSON.parse(
  run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', temporary], ROOT),
);
const tarball = join(temporary, filename);
let failed = 0;
try {
  console.log('| what | version | how varpool gets there | result | seconds |\n|---|---|---|---|---|');
  for (const row of rows) {
    const start = performance.now();
    let result = 'works';
    let version = '';
    try {
      const project = projectOf(row);
      version = row.version?.(project) ?? versionOf(project, row.packages[0]);
      const found = await row.digest(project);
      if (row.expected !== undefined) assert.equal(found.trim(), row.expected);
      else assert.equal(found.trim(), digestOfNode());
    } catch (error) {
      failed++;
      result = 'fails';
      console.error(`${row.name}: ${error instanceof Error ? error.message.slice(0, 3000) : error}`);
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`| ${row.name} | ${version} | ${row.how} | ${result} | ${seconds} |`);
  }
} finally {
  if (values.keep === true) console.error(`kept in ${temporary}`);
  else rmSync(temporary, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;

function digestOfNode() {
  plain ??= run(process.execPath, [join(ROOT, 'test/bundlers/plain.mjs')], ROOT).trim();
  return plain;
}

/** @param {Project} project @param {string | undefined} specifier */
function versionOf({ root }, specifier = '') {
  const name = specifier.replace(/(?<=.)@[^@/]*$/, '');
  if (name === '') return process.versions.node;
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
}
