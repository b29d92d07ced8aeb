// varpool compare RUN RUN…: what runs came to, in one table with the fields of their configs that differ.

import { Command } from 'commander';
import { ConfigError } from '../../errors.ts';
import { compareRuns } from '../../experiment/compare.ts';
import { openRun, type Run, runFiles } from '../../experiment/run/directory.ts';
import { writeFileAtomic } from '../../files/atomicFile.ts';
import { refuseOverwriting } from '../../files/overwriting.ts';
import { mismatch } from '../../messages.ts';
import { compareReport, comparisonTable } from '../../report/compareReport.ts';
import { renderReport } from '../../report/page/renderReport.ts';
import { type OutputFlags, withOutput } from '../flags.ts';
import { alignedText, checkWritable, printResult, warn } from '../output.ts';

interface CompareFlags extends OutputFlags {
  readonly out?: string;
}

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('test metrics of runs beside each other, with the fields of their configs that differ')
    .argument('<runs...>', 'two run directories or more')
    .option('--out <file>', 'write a report too: a file that ends in .html');
  return withOutput(command).action(compare);
}

function compare(dirs: readonly string[], { out, ...flags }: CompareFlags): void {
  if (out !== undefined && !/\.html?$/i.test(out))
    throw new ConfigError(mismatch('--out', 'a file that ends in .html', JSON.stringify(out), 'name one'));
  if (out !== undefined) checkWritable(out);
  const runs: readonly Run[] = dirs.map(openRun);
  const comparison = compareRuns(runs);
  if (out !== undefined) {
    refuseOverwriting('--out', { files: [out] }, dirs.flatMap(runFiles));
    const report = compareReport(
      comparison,
      runs.map((run) => run.metrics()),
    );
    writeFileAtomic(out, renderReport(report), ConfigError);
  }
  for (const message of comparison.notes) warn(message);
  const table = comparisonTable(comparison);
  printResult(
    flags,
    () => {
      const lines = table.rows.map(({ label, strong, values }) => [strong ? '*' : '', label, ...values]);
      const shown = alignedText([['', 'run', ...table.columns], ...lines], ([mark]) => mark === '*');
      return `${shown}${comparison.comparable ? '\n* least test NLL\n' : ''}${out === undefined ? '' : `report → ${out}\n`}`;
    },
    () => ({ ...comparison, report: out ?? null }),
  );
}
