// varpool evaluate RUN: test metrics of a run, on its own test part or on another file, and how well it knows what it does not know.

import { Command } from 'commander';
import { createLikelihood } from '../../core/likelihoods/index.ts';
import type { Matrix } from '../../core/matrix.ts';
import { auroc } from '../../core/metrics/auroc.ts';
import { evaluationWarnings } from '../../core/metrics/evaluationWarnings.ts';
import type { AnyPosterior } from '../../core/posterior.ts';
import type { PredictionMode } from '../../core/prediction/predictionMode.ts';
import { ConfigError } from '../../errors.ts';
import { loadRunData, prepareRun } from '../../experiment/run/data.ts';
import { openRun, type Run } from '../../experiment/run/directory.ts';
import { type Measured, measureTable } from '../../report/measure.ts';
import { metricRows, targetRows } from '../../report/metrics.ts';
import { number } from '../../report/numbers.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import {
  drawsOption,
  memberOption,
  modeOption,
  type OutputFlags,
  type RuntimeFlags,
  withOutput,
  withRuntime,
  withRuntimeOf,
} from '../flags.ts';
import { posteriorOf, runInputs, runTable } from '../inputs.ts';
import { interruptible } from '../interrupt.ts';
import { printResult, type Row, warn } from '../output.ts';

interface EvaluateFlags extends RuntimeFlags, OutputFlags {
  readonly data?: string;
  readonly targets?: string;
  readonly ood?: string;
  readonly draws?: number;
  readonly member?: number;
  readonly mode: PredictionMode;
}

export function evaluateCommand(): Command {
  const command = new Command('evaluate')
    .description('test metrics of a run')
    .argument('<run>', 'run directory')
    .option('--data <file>', "rows with targets, laid out as the run's own data; default: its test part")
    .option(
      '--targets <file>',
      'the targets, where --data is an .npy file or the run has them in a file of their own',
    )
    .option(
      '--ood <file>',
      'inputs from elsewhere: how well uncertainty tells them from the test rows (AUROC)',
    )
    .addOption(drawsOption('posterior draws, in place of those of the config'))
    .addOption(memberOption('evaluate this member of an ensemble alone, from 0'))
    .addOption(modeOption());
  return withOutput(withRuntime(command)).action(evaluate);
}

async function evaluate(dir: string, flags: EvaluateFlags): Promise<void> {
  const run = openRun(dir);
  const posterior = posteriorOf(run, flags.member);
  if (flags.ood !== undefined && createLikelihood(posterior.likelihood).targets !== 'labels') {
    throw new ConfigError(
      '--ood: expected a run that predicts classes, got another likelihood — leave it out',
    );
  }
  if (flags.targets !== undefined && flags.data === undefined) {
    throw new ConfigError('--targets: expected --data with it, got none — name the features too');
  }
  const table = flags.data === undefined ? ownTest(run) : runTable(run, posterior, flags.data, flags.targets);
  const elsewhere = flags.ood === undefined ? null : runInputs(run, posterior, flags.ood).features;
  const { measured, ood } = await withRuntimeOf(flags, { seed: run.manifest.seed }, (runtime) =>
    interruptible(async (signal) => {
      const options = { draws: flags.draws ?? run.config.prediction.draws, mode: flags.mode, signal };
      const test = await measureTable(runtime, posterior, table, options);
      return {
        measured: test,
        ood: elsewhere && (await outside(runtime, posterior, test, elsewhere, options)),
      };
    }),
  );
  const { evaluation } = measured;
  const rows = (): Row[] => [
    ['rows', String(evaluation.rows)],
    ['draws', String(evaluation.draws)],
    ...metricRows(evaluation, ''),
    ...targetRows(evaluation),
    ...(ood === null
      ? []
      : ([
          ['rows from elsewhere', String(ood.rows)],
          ['AUROC of mutual information', number(ood.auroc.mutualInformation)],
          ['AUROC of predictive entropy', number(ood.auroc.predictiveEntropy)],
        ] as const)),
  ];
  for (const message of evaluationWarnings(evaluation, 'rows')) warn(`${dir}: ${message}`);
  printResult(flags, rows, () => ({ run: dir, ...evaluation, ...(ood === null ? {} : { ood }) }));
}

function ownTest(run: Run) {
  const where = run.path('config');
  const next = `pass --data FILE with rows and targets, or write where it is into {field} of ${where}`;
  const { test, provenance } = prepareRun(
    run.config,
    where,
    loadRunData(run.config, next, run.manifest.kernelEpoch),
  ).data;
  const known = new Set(run.manifest.data.map(({ sha256 }) => sha256));
  for (const { path, sha256 } of provenance) {
    if (!known.has(sha256)) {
      warn(
        `${path}: expected the file the run was trained on, got another content — metrics are of what is there now`,
      );
    }
  }
  if (test !== null) return test;
  throw new ConfigError(
    `${run.dir}: expected a run with a test part, got one without — pass --data FILE with rows and targets`,
  );
}

async function outside(
  runtime: Runtime,
  posterior: AnyPosterior,
  test: Measured,
  x: Matrix,
  options: { draws: number; mode: PredictionMode; signal: AbortSignal },
) {
  const there = await runtime.predict(posterior, x, options);
  const score = (key: 'mutualInformation' | 'predictiveEntropy') =>
    auroc(there[key] as Float32Array, test.prediction?.[key] as Float32Array);
  return {
    rows: there.rows,
    auroc: {
      mutualInformation: score('mutualInformation'),
      predictiveEntropy: score('predictiveEntropy'),
    },
  };
}
