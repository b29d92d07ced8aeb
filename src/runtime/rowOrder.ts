// Which training rows an epoch or a step takes, for people: shuffles have addresses, so any of them can be asked for without training.

import { KERNEL_EPOCH } from '../backend/kernelEpoch.ts';
import { MAX_STEPS } from '../core/limits.ts';
import { describeValue } from '../messages.ts';
import { epochOrderOf } from '../random/earlierEpochs.ts';
import type { Seed } from '../random/seed.ts';

/**
 * The order in which an epoch visits the training rows 0 … rows − 1: a function of these three alone, the same on every machine, for any
 * backend, number of workers and batch size.
 * @param epoch from 1, as in reports and metrics.jsonl
 * @param kernelEpoch of the run, as in its manifest; orders changed in kernel epoch 3
 * @returns row numbers of the training part, which are row numbers of the data where nothing was held out
 * @throws RangeError for an epoch or a number of rows below 1; TypeError for a seed that is none
 */
export function epochRows(
  seed: Seed,
  epoch: number,
  rows: number,
  kernelEpoch: number = KERNEL_EPOCH,
): Int32Array {
  upTo('epochRows: epoch', epoch, MAX_STEPS);
  const order = new Int32Array(upTo('epochRows: rows', rows, MAX_ROWS));
  return epochOrderOf(kernelEpoch, order, seed, epoch - 1);
}

/**
 * The rows of one minibatch, in their order: with P = ceil(rows / batchSize) steps an epoch, step s is in epoch e = ceil(s / P) and takes
 * `epochRows(seed, e, rows)` from (s − 1 − (e − 1)·P)·batchSize on, batchSize of them or what is left.
 * @param step from 1, counted over all epochs, as in reports and metrics.jsonl
 * @throws RangeError for a step or a size below 1
 */
export function stepRows(
  seed: Seed,
  step: number,
  rows: number,
  batchSize: number,
  kernelEpoch: number = KERNEL_EPOCH,
): Int32Array {
  upTo('stepRows: step', step, MAX_STEPS);
  upTo('stepRows: rows', rows, MAX_ROWS);
  positiveInteger('stepRows: batchSize', batchSize);
  const perEpoch = Math.ceil(rows / batchSize);
  const epoch = Math.ceil(step / perEpoch);
  const first = ((step - 1) % perEpoch) * batchSize;
  return epochRows(seed, epoch, rows, kernelEpoch).slice(first, first + batchSize);
}

/** More rows than a training has room for. */
const MAX_ROWS = 2 ** 30;

function upTo(where: string, value: number, most: number): number {
  if (positiveInteger(where, value) <= most) return value;
  throw new RangeError(`${where}: expected at most ${most}, got ${value} — count again from 1`);
}

function positiveInteger(where: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(
      `${where}: expected a positive integer, got ${describeValue(value)} — use 1 or more`,
    );
  }
  return value;
}
