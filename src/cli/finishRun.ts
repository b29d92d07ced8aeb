// What is left to do of a finished run whose process was ended before it could: the report, and to clear away what members left.

import { existsSync, readFileSync } from 'node:fs';
import { removeTemporaries } from '../experiment/checkpoint/store.ts';
import { prepareRun } from '../experiment/run/data.ts';
import { type Run, RunWriter } from '../experiment/run/directory.ts';
import { recordedData } from '../experiment/run/repeatable.ts';
import { reportsOf } from '../experiment/run/resume.ts';
import { secondsPerEpoch } from '../experiment/run/train.ts';
import { removeMembers } from '../experiment/trainings/memberFiles.ts';
import { lockRun } from '../files/lock.ts';
import { measureTable } from '../report/measure.ts';
import { renderReport } from '../report/page/renderReport.ts';
import { rowDetails } from '../report/rowDetails.ts';
import { regressionPicture, runReport } from '../report/runReport.ts';
import { checkWhatIf, whatIf } from '../report/whatIf/whatIf.ts';
import type { Evaluation } from '../scheduler/training/reports.ts';
import { type OutputFlags, type RuntimeFlags, type WhatIfFlags, withRuntimeOf } from './flags.ts';
import { interruptible } from './interrupt.ts';
import { warn } from './output.ts';

/**
 * Completes a finished run; one that has all of its files is not touched, unless its report is to answer "what if": then that is made
 * again.
 * @returns whether a report was made
 * @throws CheckpointError, DataError or ConfigError when what the report shows is damaged or changed since
 */
export async function finishRun(
  run: Run,
  title: string,
  flags: RuntimeFlags & OutputFlags & WhatIfFlags,
): Promise<boolean> {
  if (flags.whatIf !== true && existsSync(run.path('report'))) return false;
  const lock = lockRun(run.dir);
  try {
    removeTemporaries(run.dir);
    removeMembers(run.dir);
    const { data, notes } = recordedData(run);
    for (const line of notes) warn(line);
    const prepared = prepareRun(run.config, run.path('config'), data);
    if (flags.whatIf === true) checkWhatIf(prepared);
    const posterior = run.posterior(warn);
    const reports = reportsOf(run.metrics(), prepared);
    const { manifest } = run;
    const finite = Object.entries(manifest.test ?? {}).filter(([, value]) => value !== null);
    const trained = {
      posterior,
      posteriorDigest: manifest.posteriorDigest as string,
      reports,
      test: manifest.test === null ? null : (Object.fromEntries(finite) as unknown as Evaluation),
      manifest,
      secondsPerEpoch: secondsPerEpoch(reports),
    };
    await withRuntimeOf(flags, { seed: run.config.seed }, (runtime) =>
      interruptible(async (signal) => {
        const options = { draws: run.config.prediction.draws, signal };
        const measured =
          data.test === null ? null : await measureTable(runtime, posterior, data.test, options);
        const picture = await regressionPicture(prepared, runtime, trained, signal);
        const details = await rowDetails(prepared, runtime, posterior, measured, options);
        const asked = flags.whatIf === true ? whatIf(prepared, readFileSync(run.path('posterior'))) : null;
        const parts = { title, prepared, trained, measured, picture, details, whatIf: asked };
        const html = renderReport(runReport(parts));
        new RunWriter(run.dir).writeReport(html);
      }),
    );
    return true;
  } finally {
    lock.release(warn);
  }
}
