// What `train`, `resume` and `demo` share: a training with its display, its interrupts, its measurements and its report.

import { readFileSync } from 'node:fs';
import { nativeState } from '../backend/native.node.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { WorkerLostError } from '../errors.ts';
import type { ResolvedConfig } from '../experiment/config/config.ts';
import type { PreparedRun } from '../experiment/run/data.ts';
import type { RunWriter } from '../experiment/run/directory.ts';
import type { ResumePoint } from '../experiment/run/resume.ts';
import { type TrainedRun, trainRun } from '../experiment/run/train.ts';
import { checkMember } from '../experiment/trainings/checkMember.ts';
import { trainingsOf } from '../experiment/trainings/trainingsOf.ts';
import { type Measured, measureTable } from '../report/measure.ts';
import { memberRows } from '../report/memberMetrics.ts';
import { keptEpoch, metricRows, metricWarnings, targetRows } from '../report/metrics.ts';
import { seconds } from '../report/numbers.ts';
import { renderReport } from '../report/page/renderReport.ts';
import type { ReportData } from '../report/reportData.ts';
import { rowDetails } from '../report/rowDetails.ts';
import { regressionPicture, runReport } from '../report/runReport.ts';
import { checkWhatIf, whatIf } from '../report/whatIf/whatIf.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { InterruptedError } from './failure.ts';
import { type OutputFlags, type RuntimeFlags, type WhatIfFlags, withRuntimeOf } from './flags.ts';
import { interruptible } from './interrupt.ts';
import { note, printResult, type Row, warn } from './output.ts';
import { trainingDisplay } from './progress.ts';

/** What the command line says in place of the config. */
export interface Overrides {
  readonly seed?: string;
  readonly draws?: number;
  readonly tensorboard?: boolean;
  /** Train this member of the config's ensemble alone. */
  readonly member?: number;
}

export function overridden(
  config: ResolvedConfig,
  { seed, draws, tensorboard, member }: Overrides,
): ResolvedConfig {
  const { ensemble } = config;
  const members = ensemble?.members;
  return {
    ...config,
    ...(seed === undefined ? {} : { seed }),
    ...(member === undefined
      ? {}
      : { ensemble: { members: members ?? 0, member: checkMember(member, members, 'a config') } }),
    ...(draws === undefined ? {} : { prediction: { ...config.prediction, draws } }),
    ...(tensorboard === undefined ? {} : { logging: { ...config.logging, tensorboard } }),
  };
}

export interface TrainAndReportOptions {
  readonly title: string;
  /** Where a run that was cut short resumes. */
  readonly resume?: ResumePoint;
  /** Further measurements, and what the top of the report says of them. */
  readonly further?: (
    runtime: Runtime,
    posterior: AnyPosterior,
    measured: Measured | null,
    signal: AbortSignal,
  ) => Promise<ReportData['summary']>;
}

/** Trains, measures and writes everything of a run directory, which is made only when nothing else can fail before the first step. */
export async function trainAndReport(
  prepared: PreparedRun,
  flags: RuntimeFlags & OutputFlags & WhatIfFlags,
  openRunDirectory: () => RunWriter,
  { title, resume, further }: TrainAndReportOptions,
): Promise<{ trained: TrainedRun; run: RunWriter }> {
  const { config, data } = prepared;
  const quiet = flags.quiet === true;
  if (flags.whatIf === true) checkWhatIf(prepared);
  const { count } = trainingsOf(config);
  return withRuntimeOf(flags, { seed: config.seed }, (runtime) =>
    interruptible(async (signal) => {
      const run = openRunDirectory();
      if (!quiet)
        note(
          `${data.description}\ntraining${count === 1 ? '' : ` ${count} members`} on ${runtime.workers} workers (${runtime.backend}) → ${run.dir}`,
        );
      const display = trainingDisplay(config.training.epochs, quiet, count);
      const options = { draws: config.prediction.draws, signal };
      let measured: Measured | null = null;
      let summary: ReportData['summary'] | undefined;
      let saved = '';
      try {
        const trained = await trainRun(prepared, runtime, run, {
          signal,
          onProgress: display.onProgress,
          onEpoch: display.onEpoch,
          onWarning: warn,
          onCheckpoint: (step) => {
            saved = count === 1 ? `state after step ${step} saved` : 'states of members saved';
          },
          ...(resume === undefined ? {} : { resume }),
          measure: async (posterior) => {
            display.end();
            if (data.test !== null) measured = await measureTable(runtime, posterior, data.test, options);
            summary = await further?.(runtime, posterior, measured, signal);
            return measured?.evaluation ?? null;
          },
        });
        for (const message of metricWarnings(trained)) warn(`${run.dir}: ${message}`);
        const picture = await regressionPicture(prepared, runtime, trained, signal);
        const details = await rowDetails(prepared, runtime, trained.posterior, measured, options);
        const asked = flags.whatIf === true ? whatIf(prepared, readFileSync(run.path('posterior'))) : null;
        const parts = { title, prepared, trained, measured, picture, details, whatIf: asked };
        run.writeReport(renderReport(runReport({ ...parts, ...(summary === undefined ? {} : { summary }) })));
        return { trained, run };
      } catch (error) {
        throw withWayOn(error, run.dir, saved);
      } finally {
        display.end();
      }
    }),
  );
}

/** What `train` and `resume` print at the end. */
export function printTrained(
  trained: TrainedRun,
  run: RunWriter,
  flags: OutputFlags,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const { manifest, secondsPerEpoch, test, posteriorDigest } = trained;
  const { wallSeconds, steps, epochs, selection } = manifest;
  const kept = keptEpoch(manifest);
  // Of this life, where the run had several.
  const { workers, backend } = manifest.resumptions?.at(-1) ?? manifest;
  const { reproducible, backendNote } = manifest;
  const { dir } = run;
  const report = run.path('report');
  const rows = (): Row[] => [
    ...(test === null ? [] : [...metricRows(test), ...targetRows(test, 'test ')]),
    ...memberRows(manifest.members),
    kept === null ? null : ['epoch kept', `${kept.epoch} (${kept.note})`],
    ['seconds per epoch', seconds(secondsPerEpoch)],
    ['workers', String(workers)],
    ['backend', backendNote ? `${backend}: ${backendNote}` : backend],
    backend === 'wasm' ? nativeHint() : null,
    ['posteriorDigest', reproducible ? posteriorDigest : `${posteriorDigest} (not reproducible)`],
    ['run', dir],
    ['report', report],
  ];
  printResult(flags, rows, () => ({
    run: dir,
    report,
    test,
    secondsPerEpoch,
    wallSeconds,
    workers,
    backend,
    reproducible,
    steps,
    epochs,
    selection,
    ...(manifest.members === undefined ? {} : { members: manifest.members }),
    posteriorDigest,
    ...more,
  }));
}

/** How to train faster than in WebAssembly, where that is possible. */
function nativeHint(): Row {
  const { library } = nativeState();
  return library.ok ? null : ['faster backend', `native: ${library.reason}`];
}

/**
 * The error that ended a training, with how to resume it where that is possible.
 * @param saved what was saved, in words; empty for nothing
 */
function withWayOn(error: unknown, dir: string, saved: string): unknown {
  if (error instanceof InterruptedError) {
    const what = saved === '' ? '' : `, ${saved}`;
    return new InterruptedError(`interrupted${what}; varpool resume ${dir} resumes it`);
  }
  if (error instanceof WorkerLostError)
    return new WorkerLostError(`${error.message}, then varpool resume ${dir}`, { cause: error });
  return error;
}
