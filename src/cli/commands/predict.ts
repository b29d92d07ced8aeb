// varpool predict RUN --data FILE: predictive statistics of rows, from the posterior of a run.

import { Command, Option } from 'commander';
import { createLikelihood } from '../../core/likelihoods/index.ts';
import { membersOf } from '../../core/posteriors/mixture.ts';
import type { PredictionMode } from '../../core/prediction/predictionMode.ts';
import { STDIN } from '../../data/files.ts';
import { ConfigError } from '../../errors.ts';
import { configReads } from '../../experiment/config/config.ts';
import {
  encodePrediction,
  formatOf,
  predictionCsv,
  predictionObject,
} from '../../experiment/predictionFile.ts';
import { openRun, runFiles } from '../../experiment/run/directory.ts';
import { writeFileAtomic } from '../../files/atomicFile.ts';
import { refuseOverwriting } from '../../files/overwriting.ts';
import {
  drawsOf,
  drawsOption,
  memberOption,
  modeOption,
  type OutputFlags,
  parseLevels,
  type RuntimeFlags,
  type ToleranceFlags,
  withOutput,
  withRuntime,
  withRuntimeOf,
  withTolerance,
} from '../flags.ts';
import { posteriorOf, runInputs } from '../inputs.ts';
import { interruptible } from '../interrupt.ts';
import { checkWritable, note, printResult } from '../output.ts';

interface PredictFlags extends RuntimeFlags, OutputFlags, ToleranceFlags {
  readonly data: string;
  readonly out?: string;
  readonly draws?: number;
  readonly member?: number;
  readonly mode: PredictionMode;
  readonly quantiles?: number[];
}

const HELP = `
Without --out, CSV goes to stdout (with --json, one line of JSON instead). By the ending of --out:
  .csv   a row per input, in order. Numbers: mean, sd, aleatoricSd, epistemicSd and a column per quantile
         (q0.05, …), each with the target's name in front if there are several. Classes: class, probability,
         predictiveEntropy, mutualInformation (nats) and p.NAME per class. Entropies are of the averaged draws.
         With --tolerance also draws, and monteCarloError, the largest of the row's means.
  .npy   float64 [rows, outputs]: the predictive means (for classes, probabilities). Nothing else.
  .json  every array by name: mean, variance, aleatoric, epistemic, entropies, quantiles; rows in order.
         With --tolerance also rowDraws, and monteCarloError of every mean.`;

export function predictCommand(): Command {
  const command = new Command('predict')
    .description('predictive statistics of each row of a file')
    .argument('<run>', 'run directory')
    .requiredOption(
      '--data <file>',
      'features: text or JSON lines (- for stdin), .npy, an IDX file or a directory of them (.gz too)',
    )
    .option('--out <file>', 'where to write: .csv, .npy or .json')
    .addOption(drawsOption('posterior draws, in place of those of the config'));
  withTolerance(command)
    .addOption(modeOption())
    .addOption(
      new Option(
        '--quantiles <levels>',
        'levels of predictive quantiles of numbers, such as 0.05,0.95; default from the config',
      ).argParser(parseLevels),
    )
    .addOption(memberOption('predict from this member of an ensemble alone, from 0'))
    .addHelpText('after', HELP);
  return withOutput(withRuntime(command)).action(predict);
}

async function predict(dir: string, flags: PredictFlags): Promise<void> {
  const { out } = flags;
  const format = out === undefined ? null : formatOf(out);
  if (out !== undefined) checkWritable(out);
  const run = openRun(dir);
  // Not all of the run's own data is read here, but none of it may be lost.
  if (out !== undefined)
    refuseOverwriting('--out', { files: [out] }, [
      ...(flags.data === STDIN ? [] : [flags.data]),
      ...runFiles(dir),
      ...configReads(run.config),
    ]);
  const posterior = posteriorOf(run, flags.member);
  const draws = drawsOf(flags, run.config.prediction.draws, membersOf(posterior).length);
  const { onScale } = createLikelihood(posterior.likelihood);
  if (flags.quantiles !== undefined && !onScale) {
    throw new ConfigError('--quantiles: expected a run that predicts numbers, got classes — leave it out');
  }
  const { features, passThrough } = runInputs(run, posterior, flags.data);
  const { quantiles } = run.config.prediction;
  const prediction = await withRuntimeOf(flags, { seed: run.manifest.seed }, (runtime) =>
    interruptible((signal) =>
      runtime.predict(posterior, features, {
        draws,
        mode: flags.mode,
        ...(onScale ? { quantiles: flags.quantiles ?? quantiles } : {}),
        signal,
      }),
    ),
  );
  const named = { prediction, posterior, targetNames: run.manifest.targetNames ?? null, passThrough };
  if (out === undefined || format === null) {
    printResult(
      flags,
      () => predictionCsv(named),
      () => predictionObject(named),
    );
    return;
  }
  writeFileAtomic(out, encodePrediction(format, named), ConfigError);
  if (!flags.quiet)
    note(
      `${prediction.rows} rows, ${flags.tolerance === undefined ? '' : 'at most '}${prediction.draws} draws`,
    );
  const { rows, outputs, draws: drawn } = prediction;
  printResult(
    flags,
    () => [['predictions', out]],
    () => ({ out, rows, outputs, draws: drawn }),
  );
}
