// Which rows of the data a part, an epoch or a step of a run took, in their order: from config and data alone, nothing is trained.

import { rowsSha256 } from '../../data/partRows.ts';
import { ConfigError } from '../../errors.ts';
import { mismatch } from '../../messages.ts';
import { epochRows, stepRows } from '../../runtime/rowOrder.ts';
import { trainingsOf } from '../trainings/trainingsOf.ts';
import type { Run } from './directory.ts';
import { recordedData } from './repeatable.ts';

export const PARTS = ['train', 'validation', 'test'] as const;
export type Part = (typeof PARTS)[number];

export interface RowsQuery {
  /** Default: train. */
  readonly part?: Part;
  /** From 1: training rows in the order of that epoch. */
  readonly epoch?: number;
  /** From 1: the minibatch of that step, counted within `epoch` where that is given, else over all epochs. */
  readonly step?: number;
  /** Of an ensemble, from 0: whose epoch or step it is; each member has an order of its own. */
  readonly member?: number;
}

export interface RunRows {
  /** The table whose rows are counted. */
  readonly of: string;
  readonly part: Part;
  /** Both from 1, the step over all epochs; null where none was asked for. */
  readonly epoch: number | null;
  readonly step: number | null;
  /** Row numbers from 0; a header is no row. */
  readonly rows: Int32Array;
  /** As the manifest has it of each part. */
  readonly sha256: string;
  readonly notes: readonly string[];
}

/**
 * @throws ConfigError for a part, an epoch, a step or a member that the run does not have, or an edited config; DataError for changed data
 */
export function runRows(run: Run, { part = 'train', epoch, step, member }: RowsQuery = {}): RunRows {
  const ordered = epoch !== undefined || step !== undefined;
  const named = ordered || member !== undefined;
  const seed = named ? trainingsOf(run.config).seedOf(run.manifest.seed, member) : '';
  if (ordered && part !== 'train')
    fail('--part', `train with --epoch or --step`, part, 'other parts are not shuffled: leave these out');
  const { data, notes } = recordedData(run);
  const found = data.rows[part];
  if (found === null) fail('--part', `a part of ${run.dir}`, `${part}, which it has not`, 'choose another');
  const { of, indices } = found;
  const answer = (at: Pick<RunRows, 'epoch' | 'step'>, rows: Int32Array): RunRows => ({
    of,
    part,
    ...at,
    rows,
    sha256: rowsSha256(rows),
    notes,
  });
  if (!ordered) return answer({ epoch: null, step: null }, indices);
  const { training } = run.config;
  const { kernelEpoch } = run.manifest;
  const rows = indices.length;
  const perEpoch = Math.ceil(rows / training.batchSize);
  const early = run.metrics().find((line) => line.member === member && line.stopped !== undefined);
  const epochs = early?.epoch ?? training.epochs;
  if (epoch !== undefined && epoch > epochs) {
    const next = early === undefined ? 'see training.epochs of its config.yaml' : 'it stopped early there';
    fail('--epoch', `1 to ${epochs}`, `${epoch}`, next);
  }
  const limit = epoch === undefined ? perEpoch * epochs : perEpoch;
  if (step !== undefined && step > limit)
    fail(
      '--step',
      `1 to ${limit}`,
      `${step}`,
      epoch === undefined ? 'correct it' : 'steps count from the start of --epoch',
    );
  const own = (order: Int32Array) => order.map((row) => indices[row]);
  if (step === undefined)
    return answer({ epoch: epoch!, step: null }, own(epochRows(seed, epoch!, rows, kernelEpoch)));
  const at = step + ((epoch ?? 1) - 1) * perEpoch;
  return answer(
    { epoch: Math.ceil(at / perEpoch), step: at },
    own(stepRows(seed, at, rows, training.batchSize, kernelEpoch)),
  );
}

function fail(where: string, expected: string, got: string, next: string): never {
  throw new ConfigError(mismatch(where, expected, got, next));
}
