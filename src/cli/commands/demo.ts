// varpool demo: the main job on an embedded default, with no file needed and a picture at the end.

import { Command } from 'commander';
import { prepareRun } from '../../experiment/run/data.ts';
import { createNumberedRun, createRun } from '../../experiment/run/directory.ts';
import { number, percent, seconds } from '../../report/numbers.ts';
import { demoConfig } from '../demoConfig.ts';
import { OTHER_SEEDS, otherSeeds, outsideCoverage, type SeedCoverage } from '../demoSeeds.ts';
import {
  drawsOption,
  type OutputFlags,
  type RuntimeFlags,
  type SetFlags,
  seedOption,
  setOption,
  settings,
  tensorboardOption,
  type WhatIfFlags,
  whatIfOption,
  withOutput,
  withRuntime,
} from '../flags.ts';
import { note, printResult, tableText } from '../output.ts';
import { progressBar } from '../progress.ts';
import { type Overrides, overridden, trainAndReport } from '../trainAndReport.ts';

interface DemoFlags extends RuntimeFlags, OutputFlags, Overrides, SetFlags, WhatIfFlags {
  readonly out?: string;
  readonly force?: boolean;
}

export function demoCommand(): Command {
  const command = new Command('demo')
    .description("train on the paper's regression curve and draw its uncertainty; needs no file")
    .option('--out <dir>', 'run directory; default runs/demo-N')
    .option('--force', 'replace the run that is in --out')
    .addOption(setOption())
    .addOption(tensorboardOption())
    .addOption(whatIfOption())
    .addOption(drawsOption('posterior draws of the metrics'))
    .addOption(seedOption());
  return withOutput(withRuntime(command)).action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const started = performance.now();
  const config = overridden(demoConfig(settings(flags)), flags);
  const prepared = prepareRun(config, 'demo');
  const coverage: SeedCoverage[] = [];
  const open = () =>
    flags.out === undefined
      ? createNumberedRun('runs', 'demo')
      : createRun(flags.out, { force: flags.force === true });
  const { trained, run } = await trainAndReport(prepared, flags, open, {
    title: 'varpool · demo',
    further: async (runtime, posterior, measured, signal) => {
      const outside = await outsideCoverage(config, runtime, posterior, signal);
      const inside = measured?.evaluation.coverage90 ?? Number.NaN;
      coverage.push({ seed: config.seed, inside, outside });
      const display = seedsDisplay(flags.quiet === true);
      try {
        coverage.push(...(await otherSeeds(config, runtime, signal, display.onSeed)));
      } finally {
        display.end();
      }
      return [
        { label: 'test NLL', value: number(measured?.evaluation.nll ?? Number.NaN), note: 'nats per row' },
        {
          label: 'coverage inside',
          value: percent(inside),
          note: `of the 90 % interval, fresh rows of the training range; ${over(coverage, 'inside')}`,
        },
        {
          label: 'coverage outside',
          value: percent(outside),
          note: `where there were no data, and nothing holds it to 90 %; ${over(coverage, 'outside')}`,
        },
      ];
    },
  });
  const { manifest, posteriorDigest, test } = trained;
  const [{ inside, outside }] = coverage;
  const wallSeconds = (performance.now() - started) / 1000;
  const report = run.path('report');
  printResult(
    flags,
    () =>
      `${tableText([
        ['test NLL', `${number(test?.nll ?? Number.NaN)} nats per row`],
        [
          'coverage of the 90 % interval, x in [0, 0.5] (training range)',
          `${percent(inside)} (${over(coverage, 'inside')})`,
        ],
        [
          'coverage of the 90 % interval, x in [-0.25, 0] and [0.5, 0.85]',
          `${percent(outside)} (${over(coverage, 'outside')})`,
        ],
        ['seconds', seconds(wallSeconds)],
        ['posteriorDigest', posteriorDigest],
        ['report', report],
      ])}\nnext:\n${nextCommands(run.dir)}`,
    () => ({
      run: run.dir,
      report,
      nll: test?.nll,
      coverage90: { inside, outside, seeds: coverage },
      wallSeconds,
      workers: manifest.workers,
      backend: manifest.backend,
      posteriorDigest,
    }),
  );
}

/** `over 5 seeds 88.1 to 92.5 %, mean 90.2 %` */
function over(coverage: readonly SeedCoverage[], where: 'inside' | 'outside'): string {
  const shares = coverage.map((one) => one[where]);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const from = percent(Math.min(...shares)).replace(' %', '');
  return `over ${shares.length} seeds ${from} to ${percent(Math.max(...shares))}, mean ${percent(mean)}`;
}

function seedsDisplay(quiet: boolean) {
  if (quiet) return { onSeed: () => undefined, end: () => undefined };
  const what = `${OTHER_SEEDS} other seeds, for the coverage`;
  if (!process.stderr.isTTY) {
    note(`training ${what}`);
    return { onSeed: () => undefined, end: () => undefined };
  }
  const bar = progressBar(`{bar} {value}/{total} · ${what}`);
  bar.start(OTHER_SEEDS, 0);
  return { onSeed: (done: number) => bar.update(done), end: () => bar.stop() };
}

/** Three commands to try next. */
function nextCommands(dir: string): string {
  const commands = [
    ['init data.csv --target COLUMN', 'writes a config for a table of your own, for train to take'],
    [`verify ${dir}`, 'trains this again and compares every bit'],
    [`evaluate ${dir} --draws 5000`, 'measures it with more draws'],
  ] as const;
  const width = Math.max(...commands.map(([words]) => words.length));
  return commands.map(([words, does]) => `  npx varpool ${words.padEnd(width)}  ${does}\n`).join('');
}
