// How a training shows on stderr: a live bar on a terminal, plain lines otherwise, nothing with --quiet.

import cliProgress from 'cli-progress';
import type { RunReport } from '../experiment/trainings/trainings.ts';
import { number, percent, seconds } from '../report/numbers.ts';
import type { Evaluation, TrainProgress } from '../scheduler/training/reports.ts';
import { note } from './output.ts';

/** Beyond this many epochs, plain lines are for every n-th, which makes about this many lines. */
const MAX_LINES = 50;

export interface TrainingDisplay {
  onProgress(progress: TrainProgress): void;
  onEpoch(report: RunReport): void;
  /** Leaves the terminal as it was. */
  end(): void;
}

export function trainingDisplay(epochs: number, quiet: boolean, members = 1): TrainingDisplay {
  if (quiet) return { onProgress: () => undefined, onEpoch: () => undefined, end: () => undefined };
  return process.stderr.isTTY ? liveBar() : plainLines(epochs, members);
}

/** A bar on standard error; `format` says what stands beside it. */
export function progressBar(format: string): cliProgress.SingleBar {
  return new cliProgress.SingleBar({
    format,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    stream: process.stderr,
    // Interrupts are the command's: the bar would swallow the second one.
    gracefulExit: false,
  });
}

function liveBar(): TrainingDisplay {
  const bar = progressBar('{bar} {percentage} % · epoch {epoch}/{epochs} · {text} · {eta_formatted} left');
  let text = 'starting';
  let started: number | null = null;
  /** Not 0 where a run is resumed. */
  let firstStep = 0;
  return {
    onProgress({ step, steps, epoch, epochs }) {
      if (started === null) {
        started = performance.now();
        firstStep = step;
        bar.start(steps, step, { epoch: 1, epochs, text });
      }
      const perSecond = (1000 * (step - firstStep)) / Math.max(1, performance.now() - started);
      bar.update(step, {
        epoch: Math.min(epoch + 1, epochs),
        epochs,
        text: `${text} · ${number(perSecond, 3)} steps/s`,
      });
    },
    onEpoch(report) {
      text = summary(report);
    },
    end: () => bar.stop(),
  };
}

function plainLines(epochs: number, members: number): TrainingDisplay {
  const every = Math.min(epochs, Math.ceil((epochs * members) / MAX_LINES));
  return {
    onProgress: () => undefined,
    onEpoch(report) {
      const last = report.epoch === epochs || report.stopped !== undefined;
      if (report.epoch % every !== 0 && !last) return;
      const { member, epoch } = report;
      const whose = member === undefined ? '' : `member ${member} · `;
      note(`${whose}epoch ${epoch}/${epochs} · ${summary(report)} · ${seconds(report.seconds)}`);
    },
    end: () => undefined,
  };
}

function summary({ elbo, validation }: RunReport): string {
  return `ELBO ${number(elbo)}${validation === null ? '' : ` · validation ${brief(validation)}`}`;
}

function brief({ nll, error, rmse }: Evaluation): string {
  const second =
    error !== undefined
      ? ` · error ${percent(error, 2)}`
      : rmse !== undefined
        ? ` · RMSE ${number(rmse)}`
        : '';
  return `NLL ${number(nll)}${second}`;
}
