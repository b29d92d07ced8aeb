// varpool sweep SWEEP: many trainings of one config with fields that vary, side by side, in one directory with one table.

import { Command } from 'commander';
import { meanAndErrorText } from '../../core/metrics/meanAndStandardError.ts';
import { ConfigError } from '../../errors.ts';
import { runName } from '../../experiment/config/config.ts';
import { shortNames, valueText } from '../../experiment/config/fieldText.ts';
import { readSweep, type Sweep, type SweepCell } from '../../experiment/sweep/cells.ts';
import {
  type CellResult,
  isSweep,
  readSweepManifest,
  SweepDirectory,
  sweepSource,
} from '../../experiment/sweep/directory.ts';
import { runSweep, sweepResults } from '../../experiment/sweep/run.ts';
import {
  type Averaged,
  type SweepTable,
  sweepTable,
  type TableRow,
  writeTables,
} from '../../experiment/sweep/table.ts';
import { writeFileAtomic } from '../../files/atomicFile.ts';
import { number, seconds } from '../../report/numbers.ts';
import { renderReport } from '../../report/page/renderReport.ts';
import { sweepReport } from '../../report/sweepReport.ts';
import { EXIT, InterruptedError } from '../failure.ts';
import {
  type OutputFlags,
  type RuntimeFlags,
  type SetFlags,
  setOption,
  settings,
  withOutput,
  withRuntime,
  withRuntimeOf,
} from '../flags.ts';
import { interruptible } from '../interrupt.ts';
import { alignedText, note, printResult, warn } from '../output.ts';
import { progressBar } from '../progress.ts';

interface SweepFlags extends RuntimeFlags, OutputFlags, SetFlags {
  readonly out?: string;
  readonly force?: boolean;
}

export function sweepCommand(): Command {
  const command = new Command('sweep')
    .description(
      'train a config with every setting of some fields and say which is best; an interrupted sweep is resumed',
    )
    .argument('<sweep>', 'YAML or JSON sweep file, or the directory of a sweep to resume')
    .option(
      '--out <dir>',
      'directory of the sweep, new or one to resume; default runs/NAME, NAME from the file',
    )
    .option('--force', 'begin again, without what is finished in --out')
    .addOption(setOption());
  return withOutput(withRuntime(command)).action(sweep);
}

/** Runs the sweep of a file, or resumes that of a directory. */
export async function sweep(named: string, flags: SweepFlags): Promise<void> {
  // A directory is gone on with by the file it was made from.
  const known = isSweep(named) && flags.out === undefined;
  if (known && flags.set !== undefined) {
    throw new ConfigError(
      '--set: expected none, for a sweep resumes with the fields it began with, got one — leave it out, or begin another sweep',
    );
  }
  const { file, set } = known ? sweepSource(named) : { file: named, set: settings(flags) };
  const wanted = readSweep(file, set);
  const dir = known ? named : (flags.out ?? `runs/${runName(file)}`);
  const directory = SweepDirectory.open(dir, {
    force: flags.force === true,
    reads: wanted.reads,
    onWarning: warn,
  });
  try {
    await sweepInto(directory, wanted, flags);
  } finally {
    directory.close();
  }
}

async function sweepInto(directory: SweepDirectory, wanted: Sweep, flags: SweepFlags): Promise<void> {
  const { dir } = directory;
  const quiet = flags.quiet === true;
  const started = performance.now();
  await withRuntimeOf(flags, {}, (runtime) =>
    interruptible(async (signal) => {
      const cells = `${wanted.settings.length} settings, ${wanted.cells.length} cells`;
      if (!quiet) note(`${cells} on ${runtime.workers} workers (${runtime.backend}) → ${dir}`);
      const display = sweepDisplay(wanted, quiet);
      try {
        await runSweep(wanted, directory, runtime, { signal, onCell: display.onCell, onWarning: warn });
      } catch (error) {
        if (!(error instanceof InterruptedError)) throw error;
        tables(directory, wanted);
        throw new InterruptedError(`interrupted; varpool resume ${dir} resumes the sweep`);
      } finally {
        display.end();
      }
    }),
  );
  const { table, results } = tables(directory, wanted);
  const wallSeconds = (performance.now() - started) / 1000;
  tellFailures(results);
  const report = directory.path('report');
  const title = `varpool · ${runName(wanted.file)}`;
  const parts = { title, table, results: [...results.values()], wallSeconds };
  writeFileAtomic(report, renderReport(sweepReport(parts)));
  const { reproducible } = readSweepManifest(directory.path('manifest'));
  if (!reproducible) note('not reproducible: another run of these cells need not give these digests');
  printResult(
    flags,
    () => `${terminalTable(table)}\n${summary(table, dir, wallSeconds)}report → ${report}\n`,
    () => ({ sweep: dir, report, wallSeconds, reproducible, ...table }),
  );
  const ended = [...results.values()];
  if (ended.every(({ status }) => status === 'diverged')) process.exitCode = EXIT.diverged;
  else if (ended.every(({ status }) => status !== 'finished')) process.exitCode = EXIT.internal;
}

/** Writes the tables of what has ended. */
function tables(directory: SweepDirectory, wanted: Sweep) {
  const results = sweepResults(wanted, directory);
  const table = sweepTable(wanted, results);
  writeTables(table, wanted, results, directory);
  return { table, results };
}

/** Each failure in a line, but not hundreds of them. */
function tellFailures(results: ReadonlyMap<SweepCell, CellResult>): void {
  const bad = [...results].filter(([, { status }]) => status !== 'finished');
  for (const [{ name }, { error }] of bad.slice(0, 10)) warn(`cell ${name}: ${error}`);
  if (bad.length > 10) warn(`${bad.length - 10} more cells did not finish — see cells.csv`);
}

function sweepDisplay({ cells }: Sweep, quiet: boolean) {
  if (quiet) return { onCell: undefined, end: () => undefined };
  if (!process.stderr.isTTY) {
    const onCell = (cell: SweepCell, result: CellResult, ended: number) =>
      note(`cell ${ended}/${cells.length} · ${cell.name} · ${brief(result)} · ${seconds(result.seconds)}`);
    return { onCell, end: () => undefined };
  }
  const bar = progressBar('{bar} {value}/{total} cells · {text} · {eta_formatted} left');
  let running = false;
  const onCell = (cell: SweepCell, result: CellResult, ended: number) => {
    const text = `${cell.name} · ${brief(result)}`;
    if (!running) bar.start(cells.length, ended, { text });
    running = true;
    bar.update(ended, { text });
  };
  return { onCell, end: () => bar.stop() };
}

function brief({ status, validation, test }: CellResult): string {
  if (status !== 'finished') return status;
  const nll = (name: string, metrics: CellResult['test']) =>
    metrics === null ? [] : [`${name} NLL ${number(metrics.nll ?? Number.NaN)}`];
  return [...nll('validation', validation), ...nll('test', test)].join(' · ') || status;
}

/** Metrics a terminal has room for, besides the one that tells the best. */
const SHOWN = ['nll', 'rmse', 'error'];

function terminalTable({ select, fields, rows }: SweepTable): string {
  const short = shortNames(fields);
  const chosen = select?.metric.slice('validation.'.length);
  const has = (part: 'validation' | 'test', name: string) =>
    rows.some((row) => row[part][name] !== undefined);
  const columns = [
    ...(['validation', 'test'] as const).flatMap((part) =>
      [...new Set([...(part === 'validation' && chosen !== undefined ? [chosen] : []), ...SHOWN])]
        .filter((name) => has(part, name))
        .map((name) => ({
          header: `${part} ${label(name)}`,
          cell: (row: TableRow) => shown(row[part][name]),
        })),
    ),
  ];
  const failed = rows.some((row) => row.finished < row.cells);
  const lines = [
    [
      '',
      ...fields.map((field) => short.get(field) as string),
      'cells',
      ...columns.map(({ header }) => header),
    ],
    ...rows.map((row) => [
      row.best ? '*' : '',
      ...fields.map((field) => valueText(row.setting[field])),
      failed ? `${row.finished}/${row.cells}` : `${row.cells}`,
      ...columns.map(({ cell }) => cell(row)),
    ]),
  ];
  return alignedText(lines, ([mark]) => mark === '*');
}

function label(name: string): string {
  return { nll: 'NLL', rmse: 'RMSE', mae: 'MAE', ece: 'ECE', brier: 'Brier' }[name] ?? name;
}

function shown(averaged: Averaged | undefined): string {
  if (averaged === undefined) return '—';
  const { mean, standardError } = averaged;
  if (standardError === null || standardError === 0) return number(mean);
  return meanAndErrorText(mean, standardError);
}

function summary({ select, rows }: SweepTable, dir: string, wallSeconds: number): string {
  const best = rows.find((row) => row.best);
  const how =
    select === null
      ? 'no best setting: there are no validation rows (data.validation)'
      : best === undefined
        ? 'no best setting: no cell finished'
        : `* ${select.mode === 'min' ? 'least' : 'greatest'} mean ${select.metric}`;
  return `${how}; ± is the standard error of the mean over the cells of a setting\n${dir} · ${seconds(wallSeconds)}\n`;
}
