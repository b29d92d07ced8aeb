// A peer as seen from outside: a process that is started once, asked one thing at a time, and idle in between.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** The first answer may compile; a sample takes a second. */
const PATIENCE_MS = 180_000;

/** Variables that make a library take other code than it finds best on this processor: a peer is measured without them. */
const HANDICAPS = [
  'OPENBLAS_CORETYPE',
  'OPENBLAS_L2_SIZE',
  'ATEN_CPU_CAPABILITY',
  'DNNL_MAX_CPU_ISA',
  'ONEDNN_MAX_CPU_ISA',
  'MKL_ENABLE_INSTRUCTIONS',
  'NPY_DISABLE_CPU_FEATURES',
];

export class Peer {
  #child;
  #lines;
  #stderr = '';

  /** @param {{ name: string, command: string[], env?: Record<string, string> }} spec */
  constructor(spec) {
    this.name = spec.name;
    const [program, ...args] = spec.command;
    this.#child = spawn(program, args, {
      cwd: import.meta.dirname,
      env: { ...freed(process.env), ...spec.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.on('error', (error) => (this.#stderr += error.message));
    this.#child.stdin.on('error', () => undefined); // It died; the missing answer tells.
    this.#child.stderr
      .setEncoding('utf8')
      .on('data', (text) => (this.#stderr = (this.#stderr + text).slice(-2000)));
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Its answer, or { error }. */
  async ask(message) {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, { done: true, late: true });
    });
    const next = await Promise.race([this.#lines.next(), late]);
    clearTimeout(timer);
    if (!next.done) return JSON.parse(next.value);
    this.#child.kill('SIGKILL');
    const why = next.late ? `no answer in ${PATIENCE_MS / 1000} s` : lastError(this.#stderr);
    return { error: `${this.name}: expected an answer, got none: ${why || 'it ended'}` };
  }

  /** Ends it. */
  async close() {
    this.#child.stdin.end();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(timer);
  }
}

/** The line of an error among what was said before the end, or the last one. */
function lastError(text) {
  const lines = text.trim().split('\n');
  return lines.findLast((line) => /error/i.test(line))?.trim() ?? lines.at(-1);
}

/** An environment without handicaps. @param {NodeJS.ProcessEnv} env */
function freed(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !HANDICAPS.includes(name)));
}
