// The tiny trainings the campaign harasses, and how one is known to have come to its right end: a single training that stops early,
// an ensemble, and a sweep, each of well under a second.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, lastLine, sha256 } from './harness.mjs';

const ROWS = 60;

/** 60 rows of a smooth function of two numbers. */
export function tableText() {
  const lines = ['a,b,y'];
  for (let i = 0; i < ROWS; i++) {
    const [a, b, noise] = [37, 17, 29].map((step) => ((i * step) % ROWS) / 30 - 1);
    lines.push([a, b, a * a + b + 0.1 * noise].map((value) => value.toFixed(4)).join(','));
  }
  return `${lines.join('\n')}\n`;
}

const DATA = 'data: { kind: csv, path: data.csv, target: y, testFraction: 0.1, validation: 10 }';
const MODEL = 'model: { hiddenSizes: [8] }';

export const PROBLEMS = {
  single: {
    command: 'train',
    text: `seed: single
${DATA}
${MODEL}
training:
  epochs: 20
  batchSize: 16
  optimizer: { kind: adam, learningRate: 0.01 }
  earlyStopping: { patience: 15, every: 2 }
checkpoint: { everySteps: 3 }
prediction: { draws: 5 }
`,
  },
  ensemble: {
    command: 'train',
    text: `seed: ensemble
${DATA}
${MODEL}
training: { epochs: 8, batchSize: 16, schedule: { kind: cosine } }
checkpoint: { everySteps: 5 }
ensemble: { members: 3 }
prediction: { draws: 6 }
`,
  },
  sweep: {
    command: 'sweep',
    text: `config:
  seed: sweep
  ${DATA}
  training: { epochs: 3, batchSize: 16 }
  checkpoint: { everySteps: 5 }
  prediction: { draws: 5 }
vary:
  model.hiddenSizes: [[4], [8]]
repeat: { seeds: 4 }
`,
  },
};

export const KINDS = Object.keys(PROBLEMS);

/** Writes data and config files into a directory. */
export function writeProblems(dir) {
  writeFileSync(join(dir, 'data.csv'), tableText());
  for (const [kind, { text }] of Object.entries(PROBLEMS)) writeFileSync(join(dir, `${kind}.yaml`), text);
}

/** The words that begin a problem in a directory with its files. */
export function beginning(kind, out) {
  return [PROBLEMS[kind].command, `${kind}.yaml`, '--out', out];
}

/** Runs every problem without disturbance and remembers what it came to. */
export async function undisturbed(one) {
  writeProblems(one.dir);
  const whole = {};
  for (const kind of KINDS) {
    const began = performance.now();
    await one.succeed([...beginning(kind, kind), '--workers', '2', '--quiet']);
    whole[kind] = { ms: performance.now() - began, ...facts(kind, join(one.dir, kind)) };
  }
  return whole;
}

/** Everything of an end that does not depend on the clock or on who computed it. */
export function facts(kind, dir) {
  if (kind === 'sweep') {
    // A cell that failed has another line when it was tried again.
    const last = new Map(jsonLines(join(dir, 'results.jsonl')).map((result) => [result.key, result]));
    const results = [...last.values()].map(({ seconds, ...result }) => result);
    results.sort((a, b) => (a.key < b.key ? -1 : 1));
    return { text: canonical(results), cells: results.map(({ run }) => run) };
  }
  const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'));
  const { posteriorDigest, test, steps, epochs, selection } = manifest;
  const members = manifest.members?.map(({ posteriorDigest, test }) => ({ posteriorDigest, test }));
  const metrics = jsonLines(join(dir, 'metrics.jsonl')).map(({ seconds, ...epoch }) => canonical(epoch));
  // Members train side by side, so their lines come in any order.
  if (members !== undefined) metrics.sort();
  return {
    text: canonical({ posteriorDigest, test, steps, epochs, selection, members, metrics }),
    posteriorDigest,
  };
}

/** Holds a directory to the facts of the undisturbed run, to files that are whole and to nothing being left behind. */
export function expectFinished(kind, dir, wanted) {
  const runs = kind === 'sweep' ? wanted.cells.map((cell) => join(dir, cell)) : [dir];
  for (const run of runs) {
    const { status, posteriorDigest } = JSON.parse(readFileSync(join(run, 'manifest.json'), 'utf8'));
    expect(status === 'finished', `expected ${run} to be finished, got ${status}`);
    const digest = fileDigest(join(run, 'posterior.safetensors'));
    expect(
      digest === posteriorDigest,
      `expected digest ${posteriorDigest} of ${run}'s manifest, got ${digest} in its file`,
    );
    expect(
      kind === 'sweep' || existsSync(join(run, 'report.html')),
      `expected a report.html in ${run}, got none`,
    );
    expect(!existsSync(join(run, 'members')), `expected no members/ in the finished ${run}, got one`);
  }
  const got = facts(kind, dir).text;
  expect(
    got === wanted.text,
    () => `expected the undisturbed result, got another: ${difference(wanted.text, got)}`,
  );
  const left = leftovers(dir);
  expect(left.length === 0, `expected nothing to be left behind in ${dir}, got ${left.join(', ')}`);
}

/** Resumes what was disturbed, to its end, as the messages advise; @returns how. */
export async function goOn(one, kind, out, options = []) {
  const resumed = await one.command(['resume', out, '--quiet', ...options]);
  if (resumed.status === 0) return 'resume';
  const line = lastLine(resumed.stderr);
  // Ended before there was anything to resume: then, and only then, it may be started again.
  const early = /got (nothing there|one without (manifest\.json|config\.yaml|sweep\.json))/.test(line);
  expect(early, `expected resume to succeed, got status ${resumed.signal ?? resumed.status}: ${line}`);
  await one.succeed([
    ...beginning(kind, out),
    '--quiet',
    ...options,
    ...(kind === 'sweep' || !/without config/.test(line) ? [] : ['--force']),
  ]);
  return 'begun again';
}

/** SHA-256 of the data section of a safetensors file: all bytes after the header, whose length comes first. */
export function fileDigest(path) {
  const bytes = readFileSync(path);
  return sha256(bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))));
}

/**
 * Unfinished files and locks, in a directory and all below it. What a kill leaves while a lock is taken is cleared away after a minute,
 * for until then another process may need it.
 */
export function leftovers(dir) {
  if (!existsSync(dir)) return [];
  const names = readdirSync(dir, { recursive: true }).filter((name) => /(^|\/)\.[^/]*$/.test(name));
  return names.filter((name) => !/\.varpool\.lock\.[0-9a-f]{16}$/.test(name));
}

export function jsonLines(path) {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

/** JSON with keys in one order. */
function canonical(value) {
  return JSON.stringify(value, (_, part) =>
    part !== null && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function difference(wanted, got) {
  let at = 0;
  while (at < wanted.length && wanted[at] === got[at]) at++;
  const from = Math.max(0, at - 60);
  return `…${wanted.slice(from, at + 60)}… became …${got.slice(from, at + 60)}…`;
}
