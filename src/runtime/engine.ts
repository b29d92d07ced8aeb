// The calls of a runtime once their arguments are read and checked: the pool, the backend, and who is counted in. It loads no schemas,
// so it runs as well in a browser's worker.

import type { BackendFactory } from '../backend/backend.ts';
import { createLikelihood } from '../core/likelihoods/index.ts';
import { DEFAULT_DRAWS } from '../core/limits.ts';
import type { Matrix } from '../core/matrix.ts';
import type { AnyPosterior, Posterior } from '../core/posterior.ts';
import { membersOf } from '../core/posteriors/mixture.ts';
import type { Draw, Prediction } from '../core/predictive/prediction.ts';
import type { Platform, WorkerPool } from '../platform/platform.ts';
import { type ArenaPool, arenasOf } from '../scheduler/arenas.ts';
import type { TrainerHost } from '../scheduler/host.ts';
import { evaluateDiscrete, evaluateValues } from '../scheduler/prediction/evaluate.ts';
import { MixturePredictor } from '../scheduler/prediction/mixturePredictor.ts';
import { quantiles } from '../scheduler/prediction/quantiles.ts';
import { ofAllTargets } from '../scheduler/prediction/targetMetrics.ts';
import { Seats } from '../scheduler/seats.ts';
import type { TrainingHooks } from '../scheduler/teamRunner.ts';
import { epochSelector } from '../scheduler/training/earlyStopping.ts';
import type { PreparedTraining } from '../scheduler/training/prepared.ts';
import type { Evaluation, TrainingReport } from '../scheduler/training/reports.ts';
import type { TrainingResult } from '../scheduler/training/run.ts';
import { Trainer } from '../scheduler/training/trainer.ts';
import type { RuntimeTesting } from './options.ts';
import type { FitSettings } from './readArguments.ts';
import { familiesOf, type PredictSettings, predictPlan } from './settings.ts';

/** What an engine is made of, checked. */
export interface EngineSettings {
  readonly workers: number;
  readonly backend: string;
  readonly onWarning?: ((message: string) => void) | undefined;
  readonly workerHeapMb?: number | undefined;
  readonly workerHook?: string | undefined;
  readonly testing?: RuntimeTesting | undefined;
}

/** @internal */
export class Engine implements AsyncDisposable {
  readonly workers: number;
  readonly backend: string;
  /** Whether results are the same bits on every machine and for any number of workers: so with every backend but `tfjs`. */
  readonly reproducible: boolean;
  /** What the backend is made of, where its name does not say. */
  readonly backendNote: string | null;
  readonly #factory: BackendFactory;
  /** @internal where warnings go */
  protected readonly warn: (message: string) => void;
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

  /** @throws BackendUnavailableError when the backend cannot run here */
  constructor(
    protected readonly platform: Platform,
    settings: EngineSettings,
  ) {
    this.#arenas = arenasOf(platform);
    this.#evictions = this.#arenas.evictions;
    this.workers = settings.workers;
    this.#seats = new Seats(this.workers);
    this.#factory = platform.backends.pick(settings.backend);
    this.backend = this.#factory.name;
    this.reproducible = this.#factory.reproducible;
    const state = this.#factory.available();
    this.backendNote = (state.ok && state.note) || null;
    this.#workerHeapMb = settings.workerHeapMb;
    this.#workerHook = settings.workerHook;
    this.#testing = settings.testing;
    this.warn = settings.onWarning ?? ((message) => platform.warn(message));
  }

  /** Its workers load a module that tests give. */
  protected get hooked(): boolean {
    return this.#workerHook !== undefined;
  }

  /** What must hold of a posterior still, after a wait. */
  protected again(_where: string, _posterior: AnyPosterior): void {}

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
      const wanted = { mode: 'sample', draws: draws ?? DEFAULT_DRAWS } as const;
      const plan = predictPlan('train: validation', wanted, familiesOf(posterior));
      // Copies, as readTraining made them.
      const metrics = await this.evaluateRead(posterior, x as Matrix, y as Matrix, {
        ...plan,
        quantiles: [],
      });
      return { validation: ofAllTargets(metrics), ...selector?.observe(epoch, metrics, posterior) };
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

  /** @internal predict with arguments that were read */
  protected predictRead(posterior: AnyPosterior, x: Matrix, settings: PredictSettings): Promise<Prediction> {
    return this.job(async (host) => {
      this.again('predict', posterior);
      const predictor = new MixturePredictor(posterior, x, host, settings);
      const prediction = await predictor.summary();
      const { rows, outputs } = prediction;
      const levels = settings.quantiles;
      if (levels.length === 0) return prediction;
      return { ...prediction, quantiles: await quantiles(rows, outputs, predictor.chunks(), levels) };
    });
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
      this.again('draws', posterior);
      yield* new MixturePredictor(posterior, matrix, host, settings).eachDraw();
    } finally {
      await release();
    }
  }

  /** @internal evaluate with arguments that were read; a posterior in training may have diverged, which is for the training to say */
  evaluateRead(
    posterior: AnyPosterior,
    x: Matrix,
    y: Matrix,
    settings: PredictSettings,
  ): Promise<Evaluation> {
    const { likelihood } = posterior;
    const drawn = settings.mode !== 'mean';
    const names = posterior.columns?.targets ?? null;
    return this.job(async (host) => {
      const predictor = new MixturePredictor(posterior, x, host, settings);
      const metrics =
        createLikelihood(likelihood).score === null
          ? await evaluateValues(predictor.memberChunks(), y, settings.draws, names)
          : evaluateDiscrete(likelihood, await predictor.summary(), y, drawn, names);
      // A member's only draw says nothing of how much another would differ.
      if (!drawn || settings.draws >= 2 * membersOf(posterior).length) return metrics;
      const { nllMonteCarloError: _, ...known } = metrics;
      return known;
    });
  }

  /** Counts a job in; the function it returns counts it out. The last one out makes idle workers release arenas that are gone. */
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
    const pool = this.#pool ?? this.platform.startPool(this.workers, { heapMb, hook, ...this.#testing });
    if (this.#pool === null) this.#leaveArenas = this.#arenas.join(() => pool.release());
    this.#pool = pool;
    const compiled = await this.#compiled;
    return {
      pool,
      factory: this.#factory,
      compiled,
      cores: this.platform.cores(),
      availableMemory: () => this.platform.availableMemory(),
      nextJobId: () => ++this.#jobs,
      arenas: this.#arenas,
      seats: this.#seats,
      warn: this.warn,
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
