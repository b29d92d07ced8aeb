// varpool verify RUN: trains a run again from its directory and holds it to the bits it saved.

import { Command } from 'commander';
import { type RepeatableRun, repeatableRun } from '../../experiment/repeatable.ts';
import { openRun } from '../../experiment/run.ts';
import { describeDifference, type Verification, verifyRun } from '../../experiment/verify.ts';
import type { Evaluation } from '../../scheduler/options.ts';
import type { Runtime } from '../../scheduler/runtime.ts';
import { EXIT } from '../failure.ts';
import { type OutputFlags, type RuntimeFlags, withOutput, withRuntime, withRuntimeOf } from '../flags.ts';
import { interruptible } from '../interrupt.ts';
import { metricRows } from '../metrics.ts';
import { note, printJson, printTable, seconds, warn } from '../output.ts';
import { trainingDisplay } from '../progress.ts';

type VerifyFlags = RuntimeFlags & OutputFlags;

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('train a finished run again and compare every bit of it; status 4 where one differs')
    .argument('<run>', 'run directory');
  return withOutput(withRuntime(command)).action(verify);
}

async function verify(dir: string, flags: VerifyFlags): Promise<void> {
  const started = performance.now();
  const repeatable = repeatableRun(openRun(dir));
  for (const line of repeatable.notes) warn(line);
  const { prepared } = repeatable;
  const { verification, runtime } = await withRuntimeOf(flags, { seed: prepared.config.seed }, (open) =>
    interruptible(async (signal) => ({
      runtime: open,
      verification: await shown(repeatable, open, flags, signal),
    })),
  );
  const { differences, posteriorDigest, test } = verification;
  const same = differences.length === 0;
  const wallSeconds = (performance.now() - started) / 1000;
  printTable([
    ['verified', same ? 'the same to every bit' : `no: ${differences.map(({ file }) => file).join(', ')}`],
    ...metricRows(finite(test)),
    ['workers', String(runtime.workers)],
    ['backend', runtime.backend],
    ['seconds', seconds(wallSeconds)],
    ['posteriorDigest', posteriorDigest],
  ]);
  if (!same) {
    note(`varpool: ${describeDifference(repeatable, verification)}`);
    process.exitCode = EXIT.different;
  }
  if (flags.json) {
    printJson({
      run: dir,
      same,
      differences,
      posteriorDigest,
      test,
      wallSeconds,
      workers: runtime.workers,
      backend: runtime.backend,
    });
  }
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
  flags: OutputFlags,
  signal: AbortSignal,
): Promise<Verification> {
  const { config, data } = repeatable.prepared;
  const quiet = flags.quiet === true;
  if (!quiet) {
    const on = `${runtime.workers} workers (${runtime.backend})`;
    note(`${data.description}\ntraining ${repeatable.run.dir} again on ${on}`);
  }
  const display = trainingDisplay(config.training.epochs, quiet);
  try {
    return await verifyRun(repeatable, runtime, {
      signal,
      onProgress: display.onProgress,
      onEpoch: display.onEpoch,
    });
  } finally {
    display.end();
  }
}
