// strace as the hand that kills a process or fails a call at its n-th system call of a kind. Which calls there are to choose from is
// learned from an undisturbed run.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Case } from './harness.mjs';
import { beginning, KINDS, writeProblems } from './problems.mjs';

export const SYSTEM_CALLS = [
  'openat',
  'read',
  'write',
  'close',
  'fsync',
  'ftruncate',
  'rename',
  'link',
  'unlink',
  'mkdir',
  'statx',
];

/** Why strace cannot be used here, or null. */
export function straceMissing() {
  const { status, error, stderr } = spawnSync('strace', ['-f', '-qq', '-e', 'trace=none', 'true'], {
    encoding: 'utf8',
  });
  if (error !== undefined) return 'expected strace, got none on the PATH — apt-get install strace';
  if (status !== 0) return `expected strace to trace a process, got ${stderr.trim().split('\n').at(-1)}`;
  return null;
}

/** Words that run what follows them under strace, with `inject` done to one system call; what was called goes to `log`. */
export function traced(systemCall, inject, log, { fast = false } = {}) {
  // Signals are not delivered at stops of the fast filter.
  const filter = fast ? ['--seccomp-bpf'] : [];
  return [
    'strace',
    '-f',
    '-qq',
    '-y',
    ...filter,
    '-o',
    log,
    '-e',
    `trace=${systemCall}`,
    '-e',
    `inject=${systemCall}:${inject}`,
  ];
}

/**
 * Calls of each problem's main thread on files of its own directory.
 * @returns per problem a list of { systemCall, nth, target }
 */
export async function callsOfProblems(campaign) {
  const calls = {};
  for (const kind of KINDS) {
    const one = new Case(campaign, `profile-${kind}`);
    writeProblems(one.dir);
    const log = join(one.dir, 'calls');
    const wrap = [
      'strace',
      '-f',
      '-qq',
      '-y',
      '--seccomp-bpf',
      '-o',
      log,
      '-e',
      `trace=${SYSTEM_CALLS.join()}`,
    ];
    await one.succeed([...beginning(kind, 'out'), '--workers', '2', '--quiet'], { wrap });
    calls[kind] = callsIn(log, one.dir);
  }
  return calls;
}

/** The calls of a log's first thread that touch a file below `dir`. */
function callsIn(log, dir) {
  const counts = new Map();
  const found = [];
  let main = null;
  for (const text of readFileSync(log, 'utf8').split('\n')) {
    const line = withoutWorkingDirectory(text);
    const [, thread, systemCall] = /^(\d+)\s+(\w+)\(/.exec(line) ?? [];
    if (thread === undefined) continue;
    main ??= thread;
    if (thread !== main) continue;
    const nth = (counts.get(systemCall) ?? 0) + 1;
    counts.set(systemCall, nth);
    if (line.includes(dir)) found.push({ systemCall, nth, target: targetOf(line, dir) });
  }
  return found;
}

/** The call that a log says was failed, or null where it did not come to that. */
export function injectedCall(log, dir) {
  if (!existsSync(log)) return null;
  // Calls are counted thread by thread, so there may be one in each.
  const lines = readFileSync(log, 'utf8')
    .split('\n')
    .filter((each) => each.includes('(INJECTED)'))
    .map(withoutWorkingDirectory);
  if (lines.length === 0) return null;
  const foreign = lines.find((line) => !line.includes(dir));
  const line = foreign ?? lines[0];
  return { own: foreign === undefined, line, target: targetOf(line, dir) };
}

/** `-y` names the working directory in every call that might start from it. */
function withoutWorkingDirectory(line) {
  return line.replace(/AT_FDCWD<[^>]*>/, 'AT_FDCWD');
}

/** The file a call touches, from the directory. */
function targetOf(line, dir) {
  const at = line.indexOf(`${dir}/`);
  if (at < 0) return '';
  const name = /^[^"<>,]*/.exec(line.slice(at + dir.length + 1))[0];
  return name.replace(/[0-9a-f]{16}/, 'X');
}
