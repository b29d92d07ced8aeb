// varpool verify RUN: trains a run again from its directory and holds it to the bits it saved.

import { Command } from 'commander';
import type { FoundCheckpoint } from '../../experiment/checkpoint/store.ts';
import { openRun } from '../../experiment/run/directory.ts';
import { relocated } from '../../experiment/run/relocate.ts';
import { type RepeatableRun, repeatableRun } from '../../experiment/run/repeatable.ts';
import { checkMember } from '../../experiment/trainings/checkMember.ts';
import { trainingsOf } from '../../experiment/trainings/trainingsOf.ts';
import { checkpointBefore } from '../../experiment/verify/checkpointBefore.ts';
import { describeDifference, type Verification, verifyRun } from '../../experiment/verify/verify.ts';
import { metricRows, targetRows } from '../../report/metrics.ts';
import { seconds } from '../../report/numbers.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Evaluation } from '../../scheduler/training/reports.ts';
import { EXIT } from '../failure.ts';
import {
  type MovedFlags,
  memberOption,
  movedOption,
  type OutputFlags,
  type RuntimeFlags,
  withOutput,
  withRuntime,
  withRuntimeOf,
} from '../flags.ts';
import { interruptible } from '../interrupt.ts';
import { note, printResult, type Row, warn } from '../output.ts';
import { trainingDisplay } from '../progress.ts';

interface VerifyFlags extends RuntimeFlags, OutputFlags, MovedFlags {
  readonly fromCheckpoint?: boolean;
  readonly member?: number;
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('train a finished run again and compare every bit of it; status 4 where one differs')
    .argument('<run>', 'run directory')
    .option(
      '--from-checkpoint',
      "train only the last stretch, from the run's newest checkpoint before its end",
    )
    .addOption(movedOption())
    .addOption(
      memberOption('train this member of an ensemble alone, from 0, and compare what the run has of it'),
    );
  return withOutput(withRuntime(command)).action(verify);
}

async function verify(dir: string, flags: VerifyFlags): Promise<void> {
  const started = performance.now();
  const repeatable = repeatableRun(relocated(openRun(dir), flags.data));
  for (const line of repeatable.notes) warn(line);
  if (flags.member !== undefined)
    checkMember(flags.member, trainingsOf(repeatable.run.config).members, 'a run');
  const from = flags.fromCheckpoint === true ? checkpointBefore(repeatable.run, warn) : undefined;
  const { prepared } = repeatable;
  const { verification, runtime } = await withRuntimeOf(flags, { seed: prepared.config.seed }, (open) =>
    interruptible(async (signal) => ({
      runtime: open,
      verification: await shown(repeatable, open, flags, signal, from),
    })),
  );
  const { differences, posteriorDigest, test } = verification;
  const same = differences.length === 0;
  const wallSeconds = (performance.now() - started) / 1000;
  const rows = (): Row[] => [
    ['verified', same ? 'the same to every bit' : `no: ${differences.map(({ file }) => file).join(', ')}`],
    ...metricRows(finite(test)),
    ...targetRows(test ?? {}, 'test '),
    from === undefined ? null : ['from step', `${from.state.step} of ${repeatable.run.manifest.steps}`],
    ['workers', String(runtime.workers)],
    ['backend', runtime.backend],
    ['seconds', seconds(wallSeconds)],
    flags.member === undefined ? null : ['member', String(flags.member)],
    ['posteriorDigest', posteriorDigest],
  ];
  if (!same) {
    note(`varpool: ${describeDifference(repeatable, verification)}`);
    process.exitCode = EXIT.different;
  }
  printResult(flags, rows, () => ({
    run: dir,
    ...(flags.member === undefined ? {} : { member: flags.member }),
    same,
    fromStep: from?.state.step ?? 0,
    differences,
    posteriorDigest,
    test,
    wallSeconds,
    workers: runtime.workers,
    backend: runtime.backend,
  }));
}

/** Metrics of a manifest that are numbers. */
function finite(test: Verification['test']): Evaluation {
  const numbers = Object.entries(test ?? {}).filter(([, value]) => value !== null);
  return Object.fromEntries(numbers) as unknown as Evaluation;
}

/** Verifies with the display of a training. */
async function shown(
  repeatable: RepeatableRun,
  runtime: Runtime,
  flags: VerifyFlags,
  signal: AbortSignal,
  from: FoundCheckpoint | undefined,
): Promise<Verification> {
  const { config, data } = repeatable.prepared;
  const quiet = flags.quiet === true;
  const { member } = flags;
  if (!quiet) {
    const on = `${runtime.workers} workers (${runtime.backend})`;
    const part = from === undefined ? '' : ` from step ${from.state.step} (${from.path})`;
    const whose = member === undefined ? '' : `member ${member} of `;
    note(`${data.description}\ntraining ${whose}${repeatable.run.dir} again${part} on ${on}`);
  }
  const count = member === undefined ? trainingsOf(config).count : 1;
  const display = trainingDisplay(config.training.epochs, quiet, count);
  try {
    return await verifyRun(repeatable, runtime, {
      signal,
      onProgress: display.onProgress,
      onEpoch: display.onEpoch,
      ...(from === undefined ? {} : { from }),
      ...(member === undefined ? {} : { member }),
    });
  } finally {
    display.end();
  }
}
