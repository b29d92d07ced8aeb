// varpool resume RUN: resumes a training that was cut short, to the end it would have had.

import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ConfigError, VarpoolError } from '../../errors.ts';
import type { Run } from '../../experiment/run/directory.ts';
import { openResume } from '../../experiment/run/resume.ts';
import { isSweep } from '../../experiment/sweep/directory.ts';
import { memberRows } from '../../report/memberMetrics.ts';
import { metricRows, targetRows } from '../../report/metrics.ts';
import type { Evaluation } from '../../scheduler/training/reports.ts';
import { finishRun } from '../finishRun.ts';
import {
  type MovedFlags,
  movedOption,
  type OutputFlags,
  type RuntimeFlags,
  type WhatIfFlags,
  whatIfOption,
  withOutput,
  withRuntime,
} from '../flags.ts';
import { note, printResult, type Row, warn } from '../output.ts';
import { printTrained, trainAndReport } from '../trainAndReport.ts';
import { sweep } from './sweep.ts';

interface ResumeFlags extends RuntimeFlags, OutputFlags, MovedFlags, WhatIfFlags {
  readonly seed?: string;
}

export function resumeCommand(): Command {
  const command = new Command('resume')
    .description('resume a training that was interrupted or killed; the result is the same')
    .argument('<run>', 'run directory, or that of a sweep')
    .addOption(movedOption())
    .addOption(whatIfOption())
    .addOption(new Option('--seed <s>').hideHelp());
  return withOutput(withRuntime(command)).action(resume);
}

async function resume(dir: string, flags: ResumeFlags): Promise<void> {
  if (flags.seed !== undefined) {
    throw new ConfigError(
      '--seed: expected none, for a run resumes with the seed it began with, got one — leave it out, or train another run',
    );
  }
  if (isSweep(dir)) {
    if (flags.data !== undefined) {
      throw new ConfigError(
        `--data: expected none for a sweep, got ${flags.data.length} — correct the paths in its sweep file`,
      );
    }
    const { data: _, ...others } = flags;
    await sweep(dir, others);
    return;
  }
  const point = await openResume(dir, warn, flags.data);
  const title = `varpool · ${basename(resolve(dir))}`;
  if ('finished' in point) {
    const reported = await completed(point.finished, title, flags);
    printFinished(point.finished, flags, reported);
    return;
  }
  const { prepared, run, points, posterior } = point;
  const { epochs } = prepared.config.training;
  const step = points.reduce((sum, own) => sum + own.step, 0);
  if (flags.quiet !== true)
    note(
      posterior !== null
        ? `${dir} is trained; measuring it`
        : `resuming after step ${step} (of ${epochs} epochs${points.length === 1 ? '' : ` of each of ${points.length} members`})`,
    );
  const { trained } = await trainAndReport(prepared, flags, () => run, { title, resume: point });
  printTrained(trained, run, flags, { resumedFrom: step });
}

/** Whether a report was made. What the run came to can be told where that is not possible. */
async function completed(run: Run, title: string, flags: ResumeFlags): Promise<boolean> {
  try {
    return await finishRun(run, title, flags);
  } catch (error) {
    if (!(error instanceof VarpoolError)) throw error;
    warn(`${error.message}; no report is made`);
    return false;
  }
}

/** Nothing is left to do: what the run came to, as it would have been printed at its end. */
function printFinished({ dir, manifest, path }: Run, flags: ResumeFlags, reported: boolean): void {
  if (flags.quiet !== true)
    note(
      reported
        ? `${dir} was finished but for its report, which is made`
        : `${dir} is finished; there is nothing to resume`,
    );
  const { test, wallSeconds, workers, backend, steps, posteriorDigest } = manifest;
  const metrics = Object.entries(test ?? {}).filter(([, value]) => value !== null);
  const rows = (): Row[] => [
    ...metricRows(Object.fromEntries(metrics) as unknown as Evaluation),
    ...targetRows(test ?? {}, 'test '),
    ...memberRows(manifest.members),
    ['posteriorDigest', String(posteriorDigest)],
    ['run', dir],
    existsSync(path('report')) ? ['report', path('report')] : null,
  ];
  printResult(flags, rows, () => ({
    run: dir,
    report: existsSync(path('report')) ? path('report') : null,
    test,
    wallSeconds,
    workers,
    backend,
    steps,
    ...(manifest.members === undefined ? {} : { members: manifest.members }),
    posteriorDigest,
    resumedFrom: null,
  }));
}
