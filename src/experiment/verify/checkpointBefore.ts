// The state from which the last stretch of a finished run can be trained again.

import { CheckpointError } from '../../errors.ts';
import { NewerFormatError } from '../../files/tensors/formatVersion.ts';
import { oneLine } from '../../messages.ts';
import { readCheckpoint } from '../checkpoint/checkpointFile.ts';
import { CheckpointStore, type FoundCheckpoint } from '../checkpoint/store.ts';
import type { Run } from '../run/directory.ts';
import { trainingsOf } from '../trainings/trainingsOf.ts';

/**
 * The newest whole checkpoint of a run from before its last step. `warn` is called for each damaged one.
 * @throws CheckpointError when there is none, or for an ensemble
 */
export function checkpointBefore(run: Run, warn: (message: string) => void): FoundCheckpoint {
  const { steps } = run.manifest;
  const { members } = trainingsOf(run.config);
  if (members !== undefined) {
    throw new CheckpointError(
      oneLine(
        `${run.dir}: expected a run of one posterior for --from-checkpoint, got ${members} members, whose states are not kept when all are done — verify the whole run, or one member with --member`,
      ),
    );
  }
  for (const path of new CheckpointStore(run.dir).paths()) {
    try {
      const found = { ...readCheckpoint(path), path };
      if (found.state.step < steps) return found;
    } catch (error) {
      if (!(error instanceof CheckpointError) || error instanceof NewerFormatError) throw error;
      warn(`${error.message}; looking for an older one`);
    }
  }
  throw new CheckpointError(
    oneLine(
      `${run.dir}: expected a checkpoint from before step ${steps}, the last one, got none — verify the whole run, without --from-checkpoint`,
    ),
  );
}
