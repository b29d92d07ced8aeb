// metrics.jsonl: one JSON object per epoch (and member), appended as training goes. A kill can tear only the last line, which readers leave out.

import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import * as z from 'zod';
import { CheckpointError } from '../errors.ts';
import { VALIDATION_METRICS } from '../scheduler/earlyStopping.ts';
import type { TrainingReport } from '../scheduler/options.ts';
import { describeProblems, oneLine } from './configProblems.ts';
import { diagnosticsSchema } from './diagnosticsSchema.ts';
import { fileProblem, readTextFile } from './fileProblems.ts';
import { parseStrictJson } from './strictJson.ts';

const LIMIT_BYTES = 268_435_456;
const NEWLINE = 0x0a;

/** Null stands for a number that is not finite, which JSON cannot hold. */
const number = z.number({ error: 'a number or null' }).nullable();
const size = z
  .number({ error: 'a whole number' })
  .int({ error: 'a whole number' })
  .min(0, { error: 'a whole number' });

const epochSchema = z.looseObject(
  {
    /** Of an ensemble only: whose epoch it is. Each member's come in order, those of different members as they ended. */
    member: size.optional(),
    epoch: size,
    /** Optimizer steps done at the end of the epoch. */
    step: size,
    elbo: number,
    nll: number,
    kl: number,
    seconds: number,
    validation: z.record(z.string(), number, { error: 'a map of numbers' }).optional(),
    diagnostics: diagnosticsSchema.optional(),
    /** The best epoch until then, where one is to be chosen. */
    best: z
      .object(
        {
          epoch: size,
          metric: z.enum(VALIDATION_METRICS, { error: VALIDATION_METRICS.join(', ') }),
          value: z.number({ error: 'a number' }),
        },
        { error: 'a map with epoch, metric and value' },
      )
      .optional(),
    /** Why training ended after this epoch, if before its time. */
    stopped: z.literal('earlyStopping', { error: 'earlyStopping' }).optional(),
  },
  { error: 'a map' },
);

/** An epoch: elbo, nll and kl per training row in nats, metrics on the validation rows by name, diagnostics where they were due. */
export type EpochMetrics = z.output<typeof epochSchema>;

/** The line of an epoch. */
export function epochMetrics({ learningRate: _, validation, ...metrics }: TrainingReport): EpochMetrics {
  return { ...metrics, ...(validation === null ? {} : { validation: { ...validation } }) };
}

/** An open metrics.jsonl; every line is handed to the system before `append` returns. */
export class MetricsLog {
  readonly #fd: number;
  #open = true;

  /** Opens or makes the file; a torn last line is cut off first. @throws CheckpointError if it cannot be written */
  constructor(readonly path: string) {
    try {
      this.#fd = openSync(path, 'a+');
      cutTornLine(this.#fd);
    } catch (cause) {
      throw fileProblem(CheckpointError, path, 'a file that can be written', 'write', cause);
    }
  }

  /** Adds a line. @throws CheckpointError if it cannot be written */
  append(metrics: EpochMetrics): void {
    const line = Buffer.from(`${JSON.stringify(metrics)}\n`);
    try {
      for (let done = 0; done < line.length; ) done += writeSync(this.#fd, line, done);
    } catch (cause) {
      throw fileProblem(CheckpointError, this.path, 'a file that can be written', 'write', cause);
    }
  }

  /** Makes the lines so far outlast a power cut, where the system can. @throws CheckpointError if it cannot be written */
  sync(): void {
    try {
      fsyncSync(this.#fd);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'EINVAL' || code === 'ENOTSUP') return;
      throw fileProblem(CheckpointError, this.path, 'a file that can be written', 'write', cause);
    }
  }

  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * All whole lines of a metrics.jsonl.
 * @throws CheckpointError naming file and line, when a line before the last is damaged
 */
export function readMetrics(path: string): EpochMetrics[] {
  return parseMetrics(readTextFile(path, 'the metrics of a run', LIMIT_BYTES, CheckpointError), path);
}

/**
 * Cuts off the epochs that end after `step`, which are going to be done again, and a torn last line.
 * @returns the epochs that are left
 * @throws CheckpointError when the file is damaged (it is then as it was) or cannot be written
 */
export function cutMetrics(path: string, step: number): EpochMetrics[] {
  const text = readTextFile(path, 'the metrics of a run', LIMIT_BYTES, CheckpointError);
  const epochs = parseMetrics(text, path);
  const beyond = epochs.findIndex((epoch) => epoch.step > step);
  const kept = beyond < 0 ? epochs : epochs.slice(0, beyond);
  const lines = text.split('\n').slice(0, kept.length);
  const bytes = Buffer.byteLength(lines.map((line) => `${line}\n`).join(''));
  try {
    truncateSync(path, bytes);
  } catch (cause) {
    throw fileProblem(CheckpointError, path, 'a file that can be written', 'write', cause);
  }
  return kept;
}

/** The epochs in `jsonl`; what follows the last line break is a torn line. @throws CheckpointError */
export function parseMetrics(jsonl: string, where: string): EpochMetrics[] {
  const lines = jsonl.split('\n').slice(0, -1);
  return lines.map((line, i) => {
    const at = `${where}: line ${i + 1}`;
    const value = parseStrictJson(Buffer.from(line), 8, at, CheckpointError);
    const parsed = epochSchema.safeParse(value);
    if (!parsed.success) throw new CheckpointError(oneLine(describeProblems(at, parsed.error.issues, value)));
    return parsed.data;
  });
}

/** Cuts off what follows the last line break: a line that a kill left half written. */
export function cutTornLine(fd: number): void {
  const { size: end } = fstatSync(fd);
  const byte = new Uint8Array(4096);
  for (let stop = end; stop > 0; ) {
    const start = Math.max(0, stop - byte.length);
    const got = readSync(fd, byte, 0, stop - start, start);
    const newline = byte.subarray(0, got).lastIndexOf(NEWLINE);
    if (newline >= 0) {
      if (start + newline + 1 < end) ftruncateSync(fd, start + newline + 1);
      return;
    }
    stop = start;
  }
  if (end > 0) ftruncateSync(fd, 0);
}
