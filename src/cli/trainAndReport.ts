// What `train` and `demo` share: a training with its display, its interrupts, its measurements and its report.

import type { Posterior } from '../core/posterior.ts';
import type { ResolvedConfig } from '../experiment/config.ts';
import type { RunWriter } from '../experiment/run.ts';
import type { PreparedRun } from '../experiment/runData.ts';
import { type TrainedRun, trainRun } from '../experiment/trainRun.ts';
import { renderReport } from '../report/renderReport.ts';
import type { ReportData } from '../report/reportData.ts';
import type { Runtime } from '../scheduler/runtime.ts';
import { type OutputFlags, type RuntimeFlags, withRuntimeOf } from './flags.ts';
import { interruptible } from './interrupt.ts';
import { type Measured, measureTable } from './measure.ts';
import { note } from './output.ts';
import { trainingDisplay } from './progress.ts';
import { regressionPicture, runReport } from './runReport.ts';

/** What the command line says in place of the config. */
export interface Overrides {
  readonly seed?: string;
  readonly draws?: number;
  readonly tensorboard?: boolean;
}

export function overridden(config: ResolvedConfig, { seed, draws, tensorboard }: Overrides): ResolvedConfig {
  return {
    ...config,
    ...(seed === undefined ? {} : { seed }),
    ...(draws === undefined ? {} : { prediction: { ...config.prediction, draws } }),
    ...(tensorboard === undefined ? {} : { logging: { ...config.logging, tensorboard } }),
  };
}

export interface TrainAndReportOptions {
  readonly title: string;
  /** Further measurements, and what the top of the report says of them. */
  readonly further?: (
    runtime: Runtime,
    posterior: Posterior,
    measured: Measured | null,
    signal: AbortSignal,
  ) => Promise<ReportData['summary']>;
}

/** Trains, measures and writes everything of a run directory, which is made only when nothing else can fail before the first step. */
export async function trainAndReport(
  prepared: PreparedRun,
  flags: RuntimeFlags & OutputFlags,
  openRunDirectory: () => RunWriter,
  { title, further }: TrainAndReportOptions,
): Promise<{ trained: TrainedRun; run: RunWriter }> {
  const { config, data } = prepared;
  const quiet = flags.quiet === true;
  return withRuntimeOf(flags, { seed: config.seed }, (runtime) =>
    interruptible(async (signal) => {
      const run = openRunDirectory();
      if (!quiet)
        note(`${data.description}\ntraining on ${runtime.workers} workers (${runtime.backend}) → ${run.dir}`);
      const display = trainingDisplay(config.training.epochs, quiet);
      const options = { draws: config.prediction.draws, signal };
      let measured: Measured | null = null;
      let summary: ReportData['summary'] | undefined;
      try {
        const trained = await trainRun(prepared, runtime, run, {
          signal,
          onProgress: display.onProgress,
          onEpoch: display.onEpoch,
          measure: async (posterior) => {
            display.end();
            if (data.test !== null) measured = await measureTable(runtime, posterior, data.test, options);
            summary = await further?.(runtime, posterior, measured, signal);
            return measured?.evaluation ?? null;
          },
        });
        const picture = await regressionPicture(prepared, runtime, trained, signal);
        const parts = { title, prepared, trained, measured, picture };
        run.writeReport(renderReport(runReport({ ...parts, ...(summary === undefined ? {} : { summary }) })));
        return { trained, run };
      } finally {
        display.end();
      }
    }),
  );
}
