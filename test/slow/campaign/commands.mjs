// Fuzzed command lines, configs and data files: a command succeeds, or ends with a documented status and one clear line. What is wrong
// by construction must be refused, and nothing that was there before may be changed by it.
// node test/slow/campaign/commands.mjs [--quick] [--seed s] [--case n]

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { config, WRITABLE } from './fuzz/config.mjs';
import { mutated } from './fuzz/hostile.mjs';
import { Case, expect, expectClear, lastLine, openCampaign, sha256 } from './harness.mjs';
import { tableText, undisturbed, writeProblems } from './problems.mjs';

const campaign = openCampaign(import.meta.url, { full: 320, quick: 12 });
const whole = new Case(campaign, 'whole');
await undisturbed(whole);

/** Words that are no count, whatever Number makes of them. */
const NO_COUNT = [
  '',
  '0',
  '-1',
  '1.5',
  'abc',
  '1e3',
  '0x10',
  ' 5',
  '5 ',
  '1_000',
  '1,000',
  'NaN',
  'Infinity',
  '９',
  '99999999999999999999',
  'null',
  '--quiet',
];
const ODD_TEXT = ['', ' ', 'toString', '__proto__', '💥', 'x'.repeat(300), '../..', '-', '\n', '%s', '$(id)'];

const counted = { wrong: NO_COUNT, right: ['1', '3'] };
const mode = {
  wrong: ['', 'Sample', 'toString', 'all', '1', 'mean,sample'],
  right: ['sample', 'mean', 'marginal'],
};
const workers = { wrong: [...NO_COUNT, '1000000000'], right: ['1', '2', 'auto'] };
const backend = {
  wrong: ['', 'cuda', 'WASM', 'toString', 'constructor', '__proto__'],
  right: ['auto', 'wasm', 'reference'],
};
const draws = { wrong: [...NO_COUNT, '1000000000000'], right: ['1', '6'] };
const quantiles = {
  wrong: ['', '0', '1', '0.5,', ',', '5%', '0.1;0.9', 'NaN', '1e-400', '0.05,2'],
  right: ['0.5', '0.05,0.95'],
};
/** Of files that are read: what is there, and what is not or is something else. */
const inputFile = {
  wrong: [
    '',
    'missing.csv',
    '.',
    'fifo',
    'loop',
    'binary.csv',
    'empty.csv',
    '/dev/null',
    'single.yaml',
    'x'.repeat(300),
  ],
  right: ['data.csv', './data.csv'],
};
const outputFile = {
  wrong: [
    '',
    '.',
    'single',
    'missing/out.csv',
    'data.csv',
    'link.csv',
    './single/../data.csv',
    'out.txt',
    'x'.repeat(300),
  ],
  right: ['out.csv', 'out.npy', 'out.json'],
};
const outputDirectory = {
  wrong: ['', '.', 'single', 'data.csv', 'data.csv/out', 'full'],
  right: ['out', 'a/b/c'],
};
const runDirectory = {
  wrong: ['', '.', 'missing', 'data.csv', 'full', 'fifo'],
  right: ['single', './single/'],
};

const COMMANDS = [
  {
    words: [
      'train',
      {
        wrong: ['', '.', 'missing.yaml', 'fifo', 'loop', 'binary.csv', 'data.csv', '/dev/null', 'empty.csv'],
        right: ['single.yaml'],
      },
    ],
    flags: {
      '--out': outputDirectory,
      '--draws': draws,
      '--seed': { wrong: [''], right: ['a', '7'] },
      '--workers': workers,
      '--backend': backend,
      '--member': { wrong: ['0', ...NO_COUNT], right: [] },
    },
  },
  {
    words: ['predict', runDirectory],
    flags: {
      '--data': inputFile,
      '--out': outputFile,
      '--draws': draws,
      '--mode': mode,
      '--quantiles': quantiles,
      '--workers': workers,
      '--backend': backend,
    },
    needed: ['--data'],
  },
  {
    words: ['evaluate', runDirectory],
    flags: {
      '--data': inputFile,
      '--ood': inputFile,
      '--draws': draws,
      '--mode': mode,
      '--workers': workers,
    },
  },
  { words: ['resume', runDirectory], flags: { '--workers': workers, '--backend': backend } },
  {
    words: ['verify', { ...runDirectory, right: ['single', 'ensemble'] }],
    flags: {
      '--workers': workers,
      '--member': { wrong: [...NO_COUNT.filter((text) => text !== '0'), '99'], right: [] },
    },
  },
  {
    words: ['rows', runDirectory],
    flags: { '--epoch': counted, '--step': { wrong: [...NO_COUNT, '1000000'], right: [] } },
  },
  {
    words: [
      'sweep',
      { wrong: ['', '.', 'missing.yaml', 'fifo', 'data.csv', 'single.yaml'], right: ['sweep.yaml'] },
    ],
    flags: { '--out': outputDirectory, '--workers': workers },
  },
];

/** Everything a hostile word may name. */
function prepare(one) {
  writeProblems(one.dir);
  for (const kind of ['single', 'ensemble'])
    cpSync(join(whole.dir, kind), join(one.dir, kind), { recursive: true });
  spawnSync('mkfifo', [join(one.dir, 'fifo')]);
  symlinkSync('loop', join(one.dir, 'loop'));
  symlinkSync('data.csv', join(one.dir, 'link.csv'));
  writeFileSync(
    join(one.dir, 'binary.csv'),
    Buffer.from(Array.from({ length: 400 }, (_, i) => (i * 97) % 256)),
  );
  writeFileSync(join(one.dir, 'empty.csv'), '');
  mkdirSync(join(one.dir, 'full'));
  writeFileSync(join(one.dir, 'full/letter.txt'), 'mine');
}

const KEPT = [
  'data.csv',
  'single.yaml',
  'sweep.yaml',
  'single/config.yaml',
  'single/manifest.json',
  'single/posterior.safetensors',
  'full/letter.txt',
];
const hashes = (dir) =>
  KEPT.map((name) => (existsSync(join(dir, name)) ? sha256(readFileSync(join(dir, name))) : 'gone'));

/** Runs a command line and holds its end to the rules. */
async function held(one, words, refuse, what) {
  const before = hashes(one.dir);
  const result = await one.command([...words, '--quiet']);
  expectClear(result);
  expect(!refuse || result.status === 2, `expected a refusal of ${what}, got status ${result.status}`);
  expect(
    refuse || result.status === 0,
    `expected success with ${what}, got status ${result.status}: ${lastLine(result.stderr)}`,
  );
  expectKept(one, before, what);
  one.event();
  campaign.note(`status ${result.status}`);
}

function expectKept(one, before, what) {
  const after = hashes(one.dir);
  const changed = KEPT.filter((_, i) => before[i] !== after[i]);
  expect(changed.length === 0, `expected ${changed.join(', ')} to stay as it was with ${what}, got another`);
}

/** One wrong word among right ones. */
async function commandLine(one) {
  const { random } = one;
  prepare(one);
  const { words, flags, needed = [] } = random.pick(COMMANDS);
  const [verb, positional] = words;
  const names = Object.keys(flags).filter((name) => needed.includes(name) || random.chance(0.4));
  const wrong = random.pick([verb, ...Object.keys(flags), 'unknown flag', 'further word', 'none']);
  if (wrong in flags && !names.includes(wrong)) names.push(wrong);
  const chosen = (spec, name) => (name === wrong ? random.pick(spec.wrong) : random.pick(spec.right));
  const line = [verb, chosen(positional, verb)];
  for (const name of names)
    if (name === wrong || flags[name].right.length > 0) line.push(name, chosen(flags[name], name));
  if (['train', 'sweep'].includes(verb) && !line.includes('--out')) line.push('--out', 'out');
  if (wrong === 'unknown flag')
    line.push(random.pick(['--worker', '--Draws', '--epochs', '--', '-x', '--out-dir']), '3');
  if (wrong === 'further word') line.push(random.pick(ODD_TEXT.filter((text) => !text.startsWith('-'))));
  await held(
    one,
    line,
    wrong !== 'none',
    `${wrong} in ${line.map((word) => JSON.stringify(word)).join(' ')}`,
  );
}

/** One wrong value or key in a config. */
async function configFile(one) {
  const { random } = one;
  prepare(one);
  const { args, refuse, where, what } = mutated([config], [config.make(random)], random, WRITABLE);
  one.write('hostile.json', JSON.stringify(args[0], null, 1));
  const before = hashes(one.dir);
  const result = await one.command(['train', 'hostile.json', '--out', 'out', '--workers', '1', '--quiet']);
  expectClear(result, [0, 2, 3]);
  expect(
    !refuse || result.status === 2,
    `expected a refusal of ${where} = ${what}, got status ${result.status}`,
  );
  expect(
    result.status !== 2 || !existsSync(join(one.dir, 'out')),
    'expected no run directory after a refusal, got one',
  );
  expectKept(one, before, `${where} = ${what}`);
  one.event();
  campaign.note(`status ${result.status}`);
}

/** Cells that are no numbers, and some that are. */
const CELLS = {
  wrong: [
    '',
    'NA',
    '?',
    'null',
    'NaN',
    'inf',
    '-Infinity',
    'abc',
    '1e400',
    '0x10',
    '0b1',
    '1_000',
    '−1',
    '１',
    '1.2.3',
    '1,5',
    'true',
    '1e',
    '--1',
    '\u0000',
    '1 2',
  ],
  right: ['1e2', ' 0.5 ', '-.5', '"0.25"', '+1', '5.'],
};

/** One wrong cell or line in the data. */
async function dataFile(one) {
  const { random } = one;
  prepare(one);
  const lines = tableText()
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  const r = 1 + random.below(lines.length - 1);
  const c = random.below(3);
  const refuse = random.chance(0.8);
  let what = random.pick(refuse ? CELLS.wrong : CELLS.right);
  lines[r][c] = what;
  let bytes = Buffer.from(`${lines.map((line) => line.join(',')).join('\n')}\n`);
  if (refuse && random.chance(0.3)) {
    lines[r][c] = '0.5';
    const damage = {
      'a short line': () => lines[r].pop(),
      'a long line': () => lines[r].push('1'),
      'no target': () => (lines[0][2] = 'z'),
      'one name twice': () => (lines[0][0] = 'b'),
      'an open quote': () => (lines[r][c] = '"0.5'),
    };
    what = random.pick(Object.keys(damage));
    damage[what]();
    bytes = Buffer.from(`${lines.map((line) => line.join(',')).join('\n')}\n`);
  }
  writeFileSync(join(one.dir, 'hostile.csv'), bytes);
  writeFileSync(
    join(one.dir, 'hostile.yaml'),
    readFileSync(join(one.dir, 'single.yaml'), 'utf8').replace('data.csv', 'hostile.csv'),
  );
  const verb = random.pick(['train', 'predict']);
  // Only features are read for predictions, but a line must have as many cells as the others.
  const must =
    refuse &&
    (verb === 'train' || (!['no target'].includes(what) && (c < 2 || / line|quote|twice/.test(what))));
  if (!must && refuse) return one.event();
  const words =
    verb === 'train'
      ? ['train', 'hostile.yaml', '--out', 'out', '--workers', '1']
      : ['predict', 'single', '--data', 'hostile.csv'];
  await held(one, words, must, `${JSON.stringify(what)} at line ${r + 1}, column ${c + 1}, for ${verb}`);
}

await campaign.run((one) => [commandLine, configFile, commandLine, dataFile][one.n % 4](one));
campaign.end('fuzzed commands');
