// The runtime as a program has it: a seed, and calls whose arguments are read and checked here. What they compute is the engine's.

import { checkPosterior } from '../core/arguments.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Model } from '../core/model.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import type { Draw, Prediction } from '../core/predictive/prediction.ts';
import { checkOptions } from '../options/check.ts';
import { readable, readNow } from '../options/readable.ts';
import type { Platform } from '../platform/platform.ts';
import { seedText } from '../random/seed.ts';
import type { TrainingHooks } from '../scheduler/teamRunner.ts';
import { trainMembers } from '../scheduler/training/ensemble.ts';
import type { Evaluation } from '../scheduler/training/reports.ts';
import { EnsembleRun, TrainingRun } from '../scheduler/training/run.ts';
import { rowsAreAlike, untilTolerance } from './adaptiveDraws.ts';
import { Engine } from './engine.ts';
import { ensembleOptions, MAX_WORKERS, runtimeOptions, trainOptions } from './optionSchemas.ts';
import type {
  EnsembleOptions,
  PredictOptions,
  RowsLike,
  RuntimeOptions,
  TrainingData,
  TrainOptions,
} from './options.ts';
import { checkTrainedMembers, readEvaluation, readPredict, readTraining } from './readArguments.ts';
import { fixedDraws, jointDraws, type PredictSettings } from './settings.ts';

export const DEFAULT_SEED = 'varpool';

export class Runtime extends Engine {
  readonly seed: string;

  /**
   * @internal `createRuntime` of the host's entry calls it
   * @param platform where cores, memory and threads come from
   * @throws BackendUnavailableError when the backend cannot run here; RangeError or TypeError for a bad option
   */
  constructor(platform: Platform, options: RuntimeOptions = {}) {
    const settings = checkOptions('createRuntime', runtimeOptions, options);
    const { workers, seed = DEFAULT_SEED, ...rest } = settings;
    super(platform, {
      ...rest,
      workers: workers === 'auto' ? Math.min(MAX_WORKERS, platform.cores()) : workers,
    });
    this.seed = seedText(seed);
  }

  /** A caller's memory may have been transferred since the call. */
  protected override again(where: string, posterior: AnyPosterior): void {
    checkPosterior(where, posterior);
  }

  /**
   * Fits q(W) to data by maximizing the ELBO. The run starts at once; iterate it for a report per epoch, await it for the posterior.
   * @throws (on await) TypeError or RangeError for data or options that do not fit, DivergedError, WorkerLostError, or the signal's reason
   */
  train(model: Model, data: TrainingData, options: TrainOptions = {}): TrainingRun {
    return this.#train(model, data, options);
  }

  /** @internal train with what a test does to its stretches */
  trainWithHooks(model: Model, data: TrainingData, options: TrainOptions, hooks: TrainingHooks): TrainingRun {
    // Without its module an order would be passed over, and the test would prove nothing.
    if (hooks.order !== undefined && !this.hooked)
      throw new Error('trainWithHooks: expected a runtime with workerHook, got one without — name a module');
    return this.#train(model, data, options, hooks);
  }

  #train(model: Model, data: TrainingData, options: TrainOptions, hooks: TrainingHooks = {}): TrainingRun {
    const read = readNow('train', () =>
      readTraining(model, data, checkOptions('train', trainOptions, options), this.seed),
    );
    return new TrainingRun(this.platform, async (report) => {
      const { prepared, settings } = read();
      return this.job((host) => this.fit(host, prepared, settings, report, hooks));
    });
  }

  /**
   * Fits `members` posteriors that differ by their seeds alone, several at a time, so that all workers stay busy; predict from the
   * result as from one posterior. The run starts at once; iterate it for a report per epoch of each member, await it for the ensemble.
   * @throws (on await) as train; DivergedError and WorkerLostError name the member
   */
  trainEnsemble(model: Model, data: TrainingData, options: EnsembleOptions): EnsembleRun {
    const read = readNow('trainEnsemble', () => {
      const settings = checkOptions('trainEnsemble', ensembleOptions, options);
      checkTrainedMembers(settings);
      return readTraining(model, data, settings, this.seed);
    });
    return new EnsembleRun(this.platform, async (report) => {
      const { prepared, settings } = read();
      return this.job((host) =>
        trainMembers(host, prepared, settings, report, (place, member, own, each) =>
          this.fit(place, member, { ...settings, ...own }, each),
        ),
      );
    });
  }

  /**
   * Predictive statistics of each row over posterior draws. Rows are numbers, or objects with the names of the columns that were trained on.
   * @throws RangeError or TypeError for inputs that do not fit; WorkerLostError, or the signal's reason
   */
  async predict(posterior: AnyPosterior, x: RowsLike, options: PredictOptions = {}): Promise<Prediction> {
    const { matrix, settings } = readable('predict', () => readPredict('predict', posterior, x, options));
    const { adaptive, ...fixed } = settings;
    if (adaptive === null) return this.predictRead(posterior, matrix, fixed);
    return untilTolerance(matrix, adaptive, rowsAreAlike(posterior, fixed.mode), (rows, draws) =>
      this.predictRead(posterior, rows, { ...fixed, draws }),
    );
  }

  /**
   * Single draws, one after the other, each of one network for all rows: draw s is the same whatever `draws` is.
   * @throws as predict, and RangeError for mode `marginal`, which has no such networks
   */
  draws(posterior: AnyPosterior, x: RowsLike, options: PredictOptions = {}): AsyncGenerator<Draw> {
    const read = readNow('draws', () => {
      const arguments_ = readPredict('draws', posterior, x, options);
      const { adaptive, ...settings } = arguments_.settings;
      jointDraws('draws', settings);
      fixedDraws('draws', adaptive);
      return { ...arguments_, settings };
    });
    return this.#draws(posterior, read);
  }

  async *#draws(
    posterior: AnyPosterior,
    read: () => { matrix: Matrix; settings: PredictSettings },
  ): AsyncGenerator<Draw> {
    const { matrix, settings } = read();
    yield* this.drawsRead(posterior, matrix, settings);
  }

  /**
   * Metrics on rows with known targets: the log predictive density is of the average over draws, in the data's own units.
   * @throws as predict
   */
  async evaluate(
    posterior: AnyPosterior,
    data: TrainingData,
    options: PredictOptions = {},
  ): Promise<Evaluation> {
    const given = readable('evaluate', () => readEvaluation(posterior, data, options));
    return this.evaluateRead(posterior, given.x, given.y, given.settings);
  }
}
