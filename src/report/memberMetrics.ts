// The members of an ensemble beside the mixture: what one of them is worth on average, and each alone.

import type { Manifest } from '../experiment/manifest/manifest.ts';
import type { Evaluation } from '../scheduler/training/reports.ts';
import { metricRows } from './metrics.ts';
import type { DataTable } from './reportData.ts';

type Members = NonNullable<Manifest['members']>;

/** Members listed one by one in a report; of more, the average says enough. */
const MAX_LISTED = 64;
/** Epochs that a line has room for. */
const MAX_SHOWN = 8;

/** Metrics averaged over members: what to expect of one alone. Null where they were not measured. */
export function averageMember(members: Members | undefined): Evaluation | null {
  const tests = (members ?? []).flatMap(({ test }) => (test === null ? [] : [test]));
  if (tests.length === 0) return null;
  const average = Object.keys(tests[0]).map((key) => [
    key,
    tests.reduce((sum, test) => sum + (test[key] ?? Number.NaN), 0) / tests.length,
  ]);
  return Object.fromEntries(average) as unknown as Evaluation;
}

/** Rows of a table on the terminal. */
export function memberRows(members: Members | undefined): [label: string, value: string][] {
  const average = averageMember(members);
  const kept = keptEpochs(members);
  return [
    ...(average === null ? [] : metricRows(average, 'one member, ')),
    ...(kept === null ? [] : [['epochs kept', kept] satisfies [string, string]]),
  ];
}

/** The epochs whose posteriors are the members, where there was a choice or a stop; null where all are simply the last. */
function keptEpochs(members: Members | undefined): string | null {
  const kept = (members ?? []).flatMap(({ selection }) => selection ?? []);
  const told = kept.find(({ metric, stopped }) => metric !== null || stopped !== 'epochs');
  if (told === undefined) return null;
  const why = told.metric === null ? 'the last ones' : `best validation ${told.metric}`;
  const early = kept.filter(({ stopped }) => stopped === 'earlyStopping').length;
  const end = early === 0 ? '' : `, ${early} of ${kept.length} stopped early`;
  const shown = kept.slice(0, MAX_SHOWN).map(({ epoch }) => epoch);
  return `${shown.join(', ')}${kept.length > shown.length ? ', …' : ''} (${why}${end})`;
}

/** The table of a report; null where there are no members or no metrics of them. */
export function memberTable(test: Evaluation | null, members: Members | undefined): DataTable | null {
  const average = averageMember(members);
  if (average === null || test === null || members === undefined) return null;
  const chosen = keptEpochs(members) !== null;
  const shown = (evaluation: Evaluation) => metricRows(evaluation, '');
  const values = (evaluation: Evaluation, kept = '') => [
    ...shown(evaluation).map(([, value]) => value.replace(' nats per row', '')),
    ...(chosen ? [kept] : []),
  ];
  return {
    columns: [
      ...shown(test).map(([label]) => (label === 'NLL' ? 'NLL (nats per row)' : label)),
      ...(chosen ? ['epoch kept'] : []),
    ],
    rows: [
      { label: `ensemble of ${members.length}`, values: values(test), strong: true },
      { label: 'one member on average', values: values(average) },
      ...members.slice(0, MAX_LISTED).flatMap((member, m) =>
        member.test === null
          ? []
          : [
              {
                label: `member ${m}`,
                values: values(member.test as unknown as Evaluation, `${member.selection?.epoch ?? ''}`),
              },
            ],
      ),
    ],
  };
}
