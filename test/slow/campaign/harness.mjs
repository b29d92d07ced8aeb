// What the parts of the campaign share: options, cases that can be repeated one by one, processes, and the summary. A case draws all
// it does from the seed and its own number, so `--case N` repeats it alone; the commands it starts are written down, to be repeated by hand.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import seedrandom from 'seedrandom';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const MAIN = join(ROOT, 'dist/cli/main.js');

/** A process that takes longer than this hangs: on an idle machine none of them takes two seconds. */
const PATIENCE_MS = 180_000;
/** Statuses a command may end with; 1 is an internal error, and always a failure here. */
export const STATUSES = [0, 2, 3, 4, 5, 130];
/** `varpool: WHERE: expected …, got … — …` in one line. */
const CLEAR = /^varpool: (?!warning: ).+: expected .+, got .+ — \S.*$/;
const NOTICE = /^varpool: (warning: |stopping after this step)|^\(?(node|Use `node)\b|^$/;

/** Numbers of one case or part of one. */
export class Random {
  #next;

  constructor(text) {
    this.#next = seedrandom.alea(text);
  }

  /** In [0, 1). */
  unit() {
    return this.#next();
  }

  below(n) {
    return Math.floor(this.#next() * n);
  }

  chance(p) {
    return this.#next() < p;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** The same list in another order. */
  shuffled(list) {
    const copy = [...list];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [copy[i], copy[j]] = [copy[j], copy[i]];
    }
    return copy;
  }
}

/** What a case found wrong. */
export class Fault extends Error {}

export function expect(condition, message) {
  if (!condition) throw new Fault(typeof message === 'function' ? message() : message);
}

/**
 * Options of a part of the campaign.
 * @param file of the part, for the command that repeats a case
 * @param sizes events of the full campaign and of `--quick`
 */
export function openCampaign(file, sizes) {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      seed: { type: 'string', default: 'campaign' },
      count: { type: 'string' },
      case: { type: 'string' },
      lanes: { type: 'string', default: '2' },
      keep: { type: 'boolean', default: false },
    },
  });
  return new Campaign(relative(ROOT, fileURLToPath(file)), values, sizes);
}

class Campaign {
  /** Events so far: signals sent, kills that hit, files damaged … */
  events = 0;
  cases = 0;
  failures = [];
  /** How often something happened, by name, for the summary. */
  tally = new Map();
  #skipped = false;

  constructor(script, values, sizes) {
    this.script = script;
    this.seed = values.seed;
    this.quick = values.quick;
    this.only = values.case === undefined ? null : Number(values.case);
    this.keep = values.keep;
    this.lanes = this.only === null ? Number(values.lanes) : 1;
    this.wanted =
      values.count === undefined ? (values.quick ? sizes.quick : sizes.full) : Number(values.count);
    this.scratch = mkdtempSync(join(tmpdir(), 'varpool-campaign-'));
    this.started = performance.now();
  }

  note(name) {
    this.tally.set(name, (this.tally.get(name) ?? 0) + 1);
  }

  /** Runs cases 0, 1, … in lanes until there were as many events as wanted; one that fails stops no other. */
  async run(body) {
    let next = this.only ?? 0;
    const last = this.only ?? Number.POSITIVE_INFINITY;
    const lane = async () => {
      while (next <= last && (this.only !== null || this.events < this.wanted))
        await this.#case(next++, body);
    };
    await Promise.all(Array.from({ length: this.lanes }, lane));
  }

  async #case(n, body) {
    const one = new Case(this, n);
    this.cases++;
    try {
      await body(one);
      if (!this.keep) rmSync(one.dir, { recursive: true, force: true });
    } catch (error) {
      const text = error instanceof Fault ? error.message : String(error?.stack ?? error);
      this.fail(`case ${n}`, text, [...one.steps, `(files are kept in ${one.dir})`], `--case ${n}`);
    }
  }

  /** Records a failure and prints how to see it again. */
  fail(what, text, steps, again) {
    this.failures.push({ what, text });
    const lines = [
      `FAILED ${what}: ${text}`,
      `  again: node ${this.script} --seed ${this.seed} ${again}`,
      ...steps.map((step) => `    ${step}`),
    ];
    console.log(lines.join('\n'));
  }

  /** Ends the part, visibly, where the machine lacks what it needs. */
  skip(reason) {
    this.#skipped = true;
    console.log(`${this.script}: SKIPPED: ${reason}`);
    rmSync(this.scratch, { recursive: true, force: true });
  }

  end(events) {
    if (this.#skipped) return;
    const seconds = ((performance.now() - this.started) / 1000).toFixed(0);
    const tally = [...this.tally].sort().map(([name, count]) => `${name} ${count}`);
    console.log(
      `${this.script}: ${this.events} ${events} in ${this.cases} cases, ${this.failures.length} failed, ${seconds} s (seed ${this.seed})`,
    );
    if (tally.length > 0) console.log(`  ${tally.join(' · ')}`);
    if (this.failures.length > 0) process.exitCode = 1;
    else if (!this.keep) rmSync(this.scratch, { recursive: true, force: true });
  }
}

/** One case: a directory and random numbers of its own, and what it started so far. */
export class Case {
  steps = [];

  constructor(campaign, n) {
    this.campaign = campaign;
    this.n = n;
    this.random = new Random(`${campaign.seed}/${campaign.script}/${n}`);
    this.dir = join(campaign.scratch, `case-${n}`);
    mkdirSync(this.dir, { recursive: true });
  }

  event() {
    this.campaign.events++;
  }

  write(name, content) {
    const path = join(this.dir, name);
    writeFileSync(path, content);
    return path;
  }

  /** Starts the command in this case's directory; @returns the child and a promise of how it ended. */
  start(
    words,
    { node = [], env = {}, wrap = [], cwd = this.dir, stdout: out = 'pipe', stderr: err = 'pipe' } = {},
  ) {
    const line = [...wrap, process.execPath, ...node, MAIN, ...words];
    const step = this.steps.push(`cd ${cwd}; ${shell(env, line)}`) - 1;
    const temporary = join(this.dir, 'tmp');
    mkdirSync(temporary, { recursive: true });
    const child = spawn(line[0], line.slice(1), {
      cwd,
      env: { ...plainEnvironment(), TMPDIR: temporary, ...env },
      stdio: ['ignore', out, err],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (text) => (stdout += text));
    child.stderr?.on('data', (text) => (stderr += text));
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, PATIENCE_MS);
    const ended = new Promise((done) => {
      child.on('error', (error) => {
        stderr += String(error);
      });
      child.on('close', (status, signal) => {
        clearTimeout(timer);
        this.steps[step] +=
          ` # ${signal ?? `status ${status}`}${stderr === '' ? '' : `: ${lastLine(stderr)}`}`;
        done({ status, signal, stdout, stderr, hung });
      });
    });
    return { child, ended, say: (text) => this.steps.push(text) };
  }

  /** Runs the command to its end, which must come. */
  async command(words, options) {
    const result = await this.start(words, options).ended;
    expect(!result.hung, `expected an end within ${PATIENCE_MS / 1000} s, got none`);
    return result;
  }

  /** Runs a command that must succeed. */
  async succeed(words, options) {
    const result = await this.command(words, options);
    const { status, signal, stderr } = result;
    expect(status === 0, `expected status 0 from ${words[0]}, got ${signal ?? status}: ${lastLine(stderr)}`);
    return result;
  }
}

/** Holds a command to what any of them may end with: a documented status, and one clear line where it is 2, 3 or 5. */
export function expectClear({ status, signal, stderr, hung }, allowed = STATUSES) {
  expect(!hung, `expected an end within ${PATIENCE_MS / 1000} s, got none`);
  const last = lastLine(stderr);
  expect(allowed.includes(status), `expected status ${allowed.join(', ')}, got ${signal ?? status}: ${last}`);
  expect(
    !/^\s+at .+:\d+:\d+/m.test(stderr),
    () => `expected no stack on stderr, got ${stderr.slice(0, 600)}`,
  );
  if (![2, 3, 5].includes(status)) return;
  const lines = stderr.split('\n').filter((line) => !NOTICE.test(line));
  const errors = lines.filter((line) => line.startsWith('varpool: '));
  expect(
    errors.length === 1,
    () => `expected one line of error, got ${errors.length}: ${stderr.slice(0, 600)}`,
  );
  expect(
    status === 3 || CLEAR.test(errors[0]),
    () => `expected <where>: expected …, got … — …, got ${errors[0].slice(0, 600)}`,
  );
  expect(errors[0].length < 1000, () => `expected a line to read, got ${errors[0].length} characters`);
}

/** The last line a person would look at; where Node itself gave up, the one that says why. */
export function lastLine(text) {
  const lines = text.trimEnd().split('\n');
  const last = lines.at(-1);
  const line = last.startsWith('Node.js v') ? lines.find((each) => /^\w*Error\b/.test(each)) : last;
  return (line ?? last).slice(0, 400);
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The environment without what would steer Node or varpool from outside. */
function plainEnvironment() {
  const { NODE_OPTIONS, NODE_V8_COVERAGE, FORCE_COLOR, ...env } = process.env;
  return { ...env, NO_COLOR: '1' };
}

function shell(env, words) {
  const quote = (word) => (/^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  const short = (word) => (word.startsWith(ROOT) ? relative(resolve('.'), word) || word : word);
  const settings = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
  return [...settings, ...words.map((word) => quote(word === process.execPath ? 'node' : short(word)))].join(
    ' ',
  );
}
