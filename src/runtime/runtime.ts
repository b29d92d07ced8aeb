// The runtime: a pool of workers with a backend and a seed, and the calls that use it. Closing it ends every thread.

import type { BackendFactory } from '../backend/backend.ts';
import { checkPosterior } from '../core/arguments.ts';
import { createLikelihood } from '../core/likelihoods/index.ts';
import type { Matrix } from '../core/matrix.ts';
import type { Model } from '../core/model.ts';
import type { AnyPosterior, Posterior } from '../core/posterior.ts';
import type { Draw, Prediction } from '../core/predictive/prediction.ts';
import { checkOptions } from '../options/check.ts';
import { readable, readNow } from '../options/readable.ts';
import type { Platform, WorkerPool } from '../platform/platform.ts';
import { seedText } from '../random/seed.ts';
import { type ArenaPool, arenasOf } from '../scheduler/arenas.ts';
import type { TrainerHost } from '../scheduler/host.ts';
import { evaluateDiscrete, evaluateValues } from '../scheduler/prediction/evaluate.ts';
import { MixturePredictor } from '../scheduler/prediction/mixturePredictor.ts';
import { quantiles } from '../scheduler/prediction/quantiles.ts';
import { Seats } from '../scheduler/seats.ts';
import type { TrainingHooks } from '../scheduler/teamRunner.ts';
import { epochSelector } from '../scheduler/training/earlyStopping.ts';
import { trainMembers } from '../scheduler/training/ensemble.ts';
import type { PreparedTraining } from '../scheduler/training/prepared.ts';
import type { Evaluation, TrainingReport } from '../scheduler/training/reports.ts';
import { EnsembleRun, type TrainingResult, TrainingRun } from '../scheduler/training/run.ts';
import { Trainer } from '../scheduler/training/trainer.ts';
import { ensembleOptions, MAX_WORKERS, runtimeOptions, trainOptions } from './optionSchemas.ts';
import type {
  EnsembleOptions,
  PredictOptions,
  RowsLike,
  RuntimeOptions,
  RuntimeTesting,
  TrainingData,
  TrainOptions,
} from './options.ts';
import {
  checkTrainedMembers,
  type FitSettings,
  readEvaluation,
  readPredict,
  readPredictOptions,
  readTraining,
} from './readArguments.ts';
import { jointDraws, type PredictSettings } from './settings.ts';

export const DEFAULT_SEED = 'varpool';

export class Runtime implements AsyncDisposable {
  readonly workers: number;
  readonly backend: string;
  /** Whether results are the same bits on every machine and for any number of workers: so with every backend but `tfjs`. */
  readonly reproducible: boolean;
  /** What the backend is made of, where its name does not say. */
  readonly backendNote: string | null;
  readonly seed: string;
  readonly #platform: Platform;
  readonly #factory: BackendFactory;
  readonly #warn: (message: string) => void;
  readonly #testing: RuntimeTesting | undefined;
  readonly #workerHeapMb: number | undefined;
  readonly #workerHook: string | undefined;
  #pool: WorkerPool | null = null;
  #compiled: Promise<unknown> | null = null;
  readonly #seats: Seats;
  #jobs = 0;
  #active = 0;
  readonly #arenas: ArenaPool;
  /** Arena collections that the workers have been asked for. */
  #evictions: number;
  #leaveArenas: () => void = () => undefined;
  #closed = false;

  /**
   * @internal `createRuntime` of the host's entry calls it
   * @param platform where cores, memory and threads come from
   * @throws BackendUnavailableError when the backend cannot run here; RangeError or TypeError for a bad option
   */
  constructor(platform: Platform, options: RuntimeOptions = {}) {
    this.#platform = platform;
    this.#arenas = arenasOf(platform);
    this.#evictions = this.#arenas.evictions;
    const settings = checkOptions('createRuntime', runtimeOptions, options);
    const { workers, backend, seed = DEFAULT_SEED, workerHeapMb, workerHook, testing, onWarning } = settings;
    this.workers = workers === 'auto' ? Math.min(MAX_WORKERS, platform.cores()) : workers;
    this.#seats = new Seats(this.workers);
    this.seed = seedText(seed);
    this.#factory = platform.backends.pick(backend);
    this.backend = this.#factory.name;
    this.reproducible = this.#factory.reproducible;
    const state = this.#factory.available();
    this.backendNote = (state.ok && state.note) || null;
    this.#workerHeapMb = workerHeapMb;
    this.#workerHook = workerHook;
    this.#testing = testing;
    this.#warn = onWarning ?? ((message) => platform.warn(message));
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
    if (hooks.order !== undefined && this.#workerHook === undefined)
      throw new Error('trainWithHooks: expected a runtime with workerHook, got one without — name a module');
    return this.#train(model, data, options, hooks);
  }

  #train(model: Model, data: TrainingData, options: TrainOptions, hooks: TrainingHooks = {}): TrainingRun {
    const read = readNow('train', () =>
      readTraining(model, data, checkOptions('train', trainOptions, options), this.seed),
    );
    return new TrainingRun(this.#platform, async (report) => {
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
    return new EnsembleRun(this.#platform, async (report) => {
      const { prepared, settings } = read();
      return this.job((host) =>
        trainMembers(host, prepared, settings, report, (place, member, own, each) =>
          this.fit(place, member, { ...settings, ...own }, each),
        ),
      );
    });
  }

  /** @internal one training whose arguments were read; a host that computes elsewhere has its own */
  protected async fit(
    host: TrainerHost,
    prepared: PreparedTraining,
    options: FitSettings,
    report: (report: TrainingReport) => void,
    hooks: TrainingHooks = {},
  ): Promise<TrainingResult> {
    const { validation } = options;
    const { likelihood, epochs } = prepared.problem;
    const selector = epochSelector(options, likelihood, epochs);
    const validate = async (posterior: Posterior, epoch: number) => {
      const { x, y, draws } = validation as NonNullable<typeof validation>;
      const settings = readPredictOptions(
        'train: validation',
        posterior,
        draws === undefined ? {} : { draws },
      );
      // Copies, as readTraining made them.
      const metrics = await this.evaluateRead(posterior, x as Matrix, y as Matrix, settings);
      return { validation: metrics, ...selector?.observe(epoch, metrics, posterior) };
    };
    const trainer = await Trainer.create(prepared, host, {
      classNames: options.classNames ?? null,
      columns: options.columns,
      signal: options.signal,
      onProgress: options.onProgress,
      validate: validation === undefined ? undefined : validate,
      validateEvery: validation?.every,
      selector,
      diagnoseEvery: options.diagnostics?.every ?? 'auto',
      checkpoint: options.checkpoint,
      resume: options.resume,
      hooks,
    });
    const tell = (next: TrainingReport) => {
      options.onReport?.(next);
      report(next);
    };
    const last = await trainer.run(tell);
    const posterior = selector?.result(last) ?? last;
    const outcome = selector?.outcome() ?? { selected: null, stopped: 'epochs' as const };
    return { posterior, ...outcome, phases: trainer.phases, team: trainer.team };
  }

  /**
   * Predictive statistics of each row over posterior draws. Rows are numbers, or objects with the names of the columns that were trained on.
   * @throws RangeError or TypeError for inputs that do not fit; WorkerLostError, or the signal's reason
   */
  async predict(posterior: AnyPosterior, x: RowsLike, options: PredictOptions = {}): Promise<Prediction> {
    const { matrix, settings } = readable('predict', () => readPredict('predict', posterior, x, options));
    return this.predictRead(posterior, matrix, settings);
  }

  /** @internal predict with arguments that were read */
  protected predictRead(posterior: AnyPosterior, x: Matrix, settings: PredictSettings): Promise<Prediction> {
    return this.job(async (host) => {
      // Its memory may have been transferred since the call.
      checkPosterior('predict', posterior);
      const predictor = new MixturePredictor(posterior, x, host, settings);
      const prediction = await predictor.summary();
      const { rows, outputs } = prediction;
      const levels = settings.quantiles;
      if (levels.length === 0) return prediction;
      return { ...prediction, quantiles: await quantiles(rows, outputs, predictor.chunks(), levels) };
    });
  }

  /**
   * Single draws, one after the other, each of one network for all rows: draw s is the same whatever `draws` is.
   * @throws as predict, and RangeError for mode `marginal`, which has no such networks
   */
  draws(posterior: AnyPosterior, x: RowsLike, options: PredictOptions = {}): AsyncGenerator<Draw> {
    const read = readNow('draws', () => {
      const arguments_ = readPredict('draws', posterior, x, options);
      jointDraws('draws', arguments_.settings);
      return arguments_;
    });
    return this.#draws(posterior, read);
  }

  async *#draws(posterior: AnyPosterior, read: () => ReturnType<typeof readPredict>): AsyncGenerator<Draw> {
    const { matrix, settings } = read();
    yield* this.drawsRead(posterior, matrix, settings);
  }

  /** @internal draws with arguments that were read */
  protected async *drawsRead(
    posterior: AnyPosterior,
    matrix: Matrix,
    settings: PredictSettings,
  ): AsyncGenerator<Draw> {
    const release = this.#hold();
    try {
      const host = await this.#host();
      checkPosterior('draws', posterior);
      yield* new MixturePredictor(posterior, matrix, host, settings).eachDraw();
    } finally {
      await release();
    }
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

  /** @internal evaluate with arguments that were read; a posterior in training may have diverged, which is for the training to say */
  evaluateRead(
    posterior: AnyPosterior,
    x: Matrix,
    y: Matrix,
    settings: PredictSettings,
  ): Promise<Evaluation> {
    const { likelihood } = posterior;
    return this.job(async (host) => {
      const predictor = new MixturePredictor(posterior, x, host, settings);
      if (createLikelihood(likelihood).score === null)
        return evaluateValues(predictor.memberChunks(), y, settings.draws);
      return evaluateDiscrete(likelihood, await predictor.summary(), y, settings.mode !== 'mean');
    });
  }

  /** Counts a job in; the function it returns counts it out. The last one out has idle workers let go of arenas that are gone. */
  #hold(): () => Promise<void> {
    this.#active++;
    return async () => {
      if (--this.#active > 0) return;
      this.#arenas.settle();
      if (this.#arenas.evictions === this.#evictions) return;
      this.#evictions = this.#arenas.evictions;
      await this.#pool?.release();
    };
  }

  /** @internal */
  protected async job<T>(work: (host: TrainerHost) => Promise<T>): Promise<T> {
    const release = this.#hold();
    try {
      return await work(await this.#host());
    } finally {
      await release();
    }
  }

  async #host(): Promise<TrainerHost> {
    if (this.#closed) throw new Error('runtime: expected an open runtime, got a closed one — create another');
    this.#compiled ??= this.#factory.compile();
    const [heapMb, hook] = [this.#workerHeapMb, this.#workerHook];
    const pool = this.#pool ?? this.#platform.startPool(this.workers, { heapMb, hook, ...this.#testing });
    if (this.#pool === null) this.#leaveArenas = this.#arenas.join(() => pool.release());
    this.#pool = pool;
    const compiled = await this.#compiled;
    return {
      pool,
      factory: this.#factory,
      compiled,
      cores: this.#platform.cores(),
      availableMemory: () => this.#platform.availableMemory(),
      nextJobId: () => ++this.#jobs,
      arenas: this.#arenas,
      seats: this.#seats,
      warn: this.#warn,
      patience: this.#testing?.patience,
    };
  }

  /** Waits for the requests under way, then ends every thread; trainings and predictions that are not finished then fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const pool = this.#pool;
    this.#pool = null;
    await pool?.close();
    this.#leaveArenas();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
