// metrics.jsonl: one JSON object per epoch (and member), appended as training goes. A kill can tear only the last line, which readers leave out.

import * as z from 'zod';
import { CheckpointError } from '../../errors.ts';
import { keepLines, LineLog, readLines } from '../../files/text/lineLog.ts';
import { parseStrictJson } from '../../files/text/strictJson.ts';
import { oneLine } from '../../messages.ts';
import { describeProblems } from '../../options/problems.ts';
import { VALIDATION_METRICS } from '../../runtime/trainingFields.ts';
import type { TrainingReport } from '../../scheduler/training/reports.ts';
import { diagnosticsSchema } from './diagnosticsSchema.ts';

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
  readonly #lines: LineLog;

  /** Opens or makes the file; a torn last line is cut off first. @throws CheckpointError if it cannot be written */
  constructor(readonly path: string) {
    this.#lines = new LineLog(path);
  }

  /** Adds a line. @throws CheckpointError if it cannot be written */
  append(metrics: EpochMetrics): void {
    this.#lines.append(JSON.stringify(metrics));
  }

  /** Makes the lines so far outlast a power cut, where the system can. @throws CheckpointError if it cannot be written */
  sync(): void {
    this.#lines.sync();
  }

  close(): void {
    this.#lines.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Called for a damaged line, which is then left out. */
type OnDamage = (message: string) => void;

/**
 * All whole lines of a metrics.jsonl.
 * @throws CheckpointError naming file and line, when a line before the last is damaged and there is no `warn`
 */
export function readMetrics(path: string, onDamage?: OnDamage): EpochMetrics[] {
  return linesOf(path, onDamage).map(({ value }) => value);
}

/**
 * Cuts off the epochs that are not wanted, which are going to be done again, a torn last line, and damaged lines.
 * @returns the epochs that are left
 * @throws CheckpointError when the file cannot be written, or is damaged and there is no `warn` (it is then unchanged)
 */
export function cutMetrics(
  path: string,
  wanted: (epoch: EpochMetrics) => boolean,
  onDamage?: OnDamage,
): EpochMetrics[] {
  const kept = linesOf(path, onDamage).filter(({ value }) => wanted(value));
  keepLines(path, kept);
  return kept.map(({ value }) => value);
}

function linesOf(path: string, onDamage: OnDamage | undefined) {
  return readLines(path, { expected: 'the metrics of a run', parse: parseEpoch, onDamage });
}

/** The epoch in a line. @throws CheckpointError */
export function parseEpoch(line: Uint8Array, where: string): EpochMetrics {
  const value = parseStrictJson(line, 8, where, CheckpointError);
  const parsed = epochSchema.safeParse(value);
  if (!parsed.success)
    throw new CheckpointError(oneLine(describeProblems(where, parsed.error.issues, value)));
  return parsed.data;
}
