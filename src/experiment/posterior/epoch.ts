// The kernel epoch in the metadata of a posterior's file, which says how its predictions draw their noise.

import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import { CheckpointError } from '../../errors.ts';
import { describeValue, mismatch } from '../../messages.ts';

/** Files of epochs 1 and 2, which drew predictive noise alike, do not name theirs. */
const LAST_UNNAMED_EPOCH = 2;

/** @throws CheckpointError, starting with `where`, for what is no epoch or a later one than this */
export function epochOf(text: string | undefined, where: string): number {
  if (text === undefined) return LAST_UNNAMED_EPOCH;
  if (!/^[1-9]\d{0,8}$/.test(text)) {
    throw new CheckpointError(
      mismatch(where, 'a whole number of at least 1', describeValue(text), 'the file is damaged'),
    );
  }
  const epoch = Number(text);
  if (epoch > KERNEL_EPOCH)
    throw new CheckpointError(mismatch(where, `${KERNEL_EPOCH} or older`, text, 'use a newer varpool'));
  return epoch;
}
