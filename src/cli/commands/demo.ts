// varpool demo: the main job on an embedded default, with no file needed and a picture at the end.

import { Command } from 'commander';
import { regressionCurve } from '../../data/synthetic.ts';
import { curveSources, prepareRun, SYNTHETIC_PART, trainingData } from '../../experiment/run/data.ts';
import { createNumberedRun, createRun } from '../../experiment/run/directory.ts';
import { number, percent, seconds } from '../../report/numbers.ts';
import type { Evaluation } from '../../scheduler/training/reports.ts';
import { demoConfig } from '../demoConfig.ts';
import {
  drawsOption,
  type OutputFlags,
  type RuntimeFlags,
  type SetFlags,
  seedOption,
  setOption,
  settings,
  tensorboardOption,
  withOutput,
  withRuntime,
} from '../flags.ts';
import { printResult } from '../output.ts';
import { type Overrides, overridden, trainAndReport } from '../trainAndReport.ts';

interface DemoFlags extends RuntimeFlags, OutputFlags, Overrides, SetFlags {
  readonly out?: string;
  readonly force?: boolean;
}

/** Rows beyond the training range, half on either side. */
const OUTSIDE_ROWS = 1000;

export function demoCommand(): Command {
  const command = new Command('demo')
    .description("train on the paper's regression curve and draw its uncertainty; needs no file")
    .option('--out <dir>', 'run directory; default runs/demo-N')
    .option('--force', 'replace the run that is in --out')
    .addOption(setOption())
    .addOption(tensorboardOption())
    .addOption(drawsOption('posterior draws of the metrics'))
    .addOption(seedOption());
  return withOutput(withRuntime(command)).action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const config = overridden(demoConfig(settings(flags)), flags);
  const prepared = prepareRun(config, 'demo');
  const { seed } = config;
  const half = (low: number, high: number, part: number) =>
    regressionCurve({ rows: OUTSIDE_ROWS / 2, low, high }, curveSources(SYNTHETIC_PART.outside + part, seed));
  const outsideHalves = [half(-0.25, 0, 0), half(0.5, 0.85, 1)];
  const evaluations: Evaluation[] = [];
  const open = () =>
    flags.out === undefined
      ? createNumberedRun('runs', 'demo')
      : createRun(flags.out, { force: flags.force === true });
  const { trained, run } = await trainAndReport(prepared, flags, open, {
    title: 'varpool · demo',
    further: async (runtime, posterior, measured, signal) => {
      for (const table of outsideHalves) {
        evaluations.push(
          await runtime.evaluate(posterior, trainingData(table), { draws: config.prediction.draws, signal }),
        );
      }
      const inside = measured?.evaluation;
      return [
        { label: 'test NLL', value: number(inside?.nll ?? Number.NaN), note: 'nats per row' },
        {
          label: 'coverage inside',
          value: percent(inside?.coverage90 ?? Number.NaN),
          note: 'of the 90 % interval, fresh rows of the training range',
        },
        {
          label: 'coverage outside',
          value: percent(outsideCoverage(evaluations)),
          note: 'where there were no data',
        },
      ];
    },
  });
  const { manifest, posteriorDigest, test } = trained;
  const coverage = { inside: test?.coverage90 ?? null, outside: outsideCoverage(evaluations) };
  printResult(
    flags,
    () => [
      ['test NLL', `${number(test?.nll ?? Number.NaN)} nats per row`],
      [
        'coverage of the 90 % interval, x in [0, 0.5] (training range)',
        percent(coverage.inside ?? Number.NaN),
      ],
      ['coverage of the 90 % interval, x in [-0.25, 0] and [0.5, 0.85]', percent(coverage.outside)],
      ['seconds', seconds(manifest.wallSeconds)],
      ['posteriorDigest', posteriorDigest],
      ['report', run.path('report')],
    ],
    () => ({
      run: run.dir,
      report: run.path('report'),
      nll: test?.nll,
      coverage90: coverage,
      wallSeconds: manifest.wallSeconds,
      workers: manifest.workers,
      backend: manifest.backend,
      posteriorDigest,
    }),
  );
}

function outsideCoverage(evaluations: readonly Evaluation[]): number {
  return (
    evaluations.reduce((sum, { coverage90 }) => sum + (coverage90 ?? Number.NaN), 0) / evaluations.length
  );
}
