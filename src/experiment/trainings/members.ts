// A run of an ensemble: members/M/ holds the states of each member, and its posterior once it is done, until all are.

import { membersOf } from '../../core/posteriors/mixture.ts';
import { ConfigError } from '../../errors.ts';
import { mismatch } from '../../messages.ts';
import { memberSeed } from '../../random/seed.ts';
import type { ResolvedConfig } from '../config/config.ts';
import type { MemberOutcome } from '../manifest/manifest.ts';
import { onlySelection, selectionRecord } from '../manifest/selectionRecord.ts';
import { posteriorDigest } from '../posterior/saved.ts';
import { trainingData, trainingSeed } from '../run/data.ts';
import { checkMember } from './checkMember.ts';
import { makeMemberDirectory, memberDirectory, readMembers, writeMember } from './memberFiles.ts';
import { reportsByMember, stateOptions, type TrainingFacts, type Trainings } from './trainings.ts';

export function memberTrainings(config: ResolvedConfig, members: number): Trainings {
  return {
    count: members,
    members,
    seedOf: (seed, member) => {
      if (member !== undefined) return memberSeed(seed, checkMember(member, members, 'a run'));
      const next = 'each has an order of its own';
      throw new ConfigError(mismatch('--member', `a member from 0 to ${members - 1}`, 'none', next));
    },
    directory: memberDirectory,
    finished: (dir, warn) => readMembers(dir, members, trainingSeed(config), warn),
    train: (work) => {
      const { prepared, runtime, dir, points, options, beforeSave, save } = work;
      return runtime.trainEnsemble(prepared.model, trainingData(prepared.data.train), {
        ...options,
        members,
        trained: new Map(
          [...points.entries()].flatMap(([m, { posterior }]) => (posterior === null ? [] : [[m, posterior]])),
        ),
        onMember: (m, posterior) => {
          // Its lines tell which epoch was kept: they must not be lost before it is.
          beforeSave();
          writeMember(dir, m, posterior);
          points[m].store.clear();
        },
        memberOptions: (m) =>
          stateOptions(work, m, (_, state) => {
            beforeSave();
            makeMemberDirectory(dir, m);
            save(m, state);
          }),
      });
    },
    parts: membersOf,
    record: (facts) => ({ members: outcomes(config, members, facts) }),
  };
}

/** What the manifest says of each member. */
function outcomes(
  config: ResolvedConfig,
  members: number,
  { reports, before, posterior, tests }: TrainingFacts,
): MemberOutcome[] {
  const seed = trainingSeed(config);
  const own = reportsByMember(reports);
  const posteriors = posterior === null ? [] : membersOf(posterior);
  return Array.from({ length: members }, (_, m) => {
    const trained = posteriors[m];
    const known = before.members?.[m]?.selection ?? (trained === undefined ? null : onlySelection(config));
    return {
      seed: memberSeed(seed, m),
      posteriorDigest: trained === undefined ? null : posteriorDigest(trained),
      test: tests[m] ? { ...tests[m] } : null,
      selection: selectionRecord(own.get(m) ?? [], config, known),
    };
  });
}
