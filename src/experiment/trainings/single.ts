// A run of one posterior (or of one member of an ensemble, alone): its states lie in the run directory itself.

import type { ResolvedConfig } from '../config/config.ts';
import { selectionRecord } from '../manifest/selectionRecord.ts';
import { trainingData } from '../run/data.ts';
import { checkMember } from './checkMember.ts';
import { stateOptions, type Trainings } from './trainings.ts';

export function singleTraining(config: ResolvedConfig): Trainings {
  return {
    count: 1,
    members: undefined,
    seedOf: (seed, member) => {
      if (member !== undefined) checkMember(member, undefined, 'a run');
      return seed;
    },
    directory: (dir) => dir,
    finished: () => new Map(),
    train: (work) =>
      work.runtime.train(work.prepared.model, trainingData(work.prepared.data.train), {
        ...work.options,
        ...stateOptions(work, 0, (_, state) => {
          work.beforeSave();
          work.save(0, state);
        }),
      }),
    parts: () => [],
    record: ({ reports, before }) => ({ selection: selectionRecord(reports, config, before.selection) }),
  };
}
