// The runtime of a page that cannot share memory: arguments are read here, everything is computed by a runtime in one worker, which
// has a memory of its own.

import type { Matrix } from '../core/matrix.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import type { Draw, Prediction } from '../core/predictive/prediction.ts';
import type { StartWorker } from '../platform/browser/start.ts';
import type { Platform } from '../platform/platform.ts';
import type { RuntimeOptions } from '../runtime/options.ts';
import type { FitSettings } from '../runtime/readArguments.ts';
import { Runtime } from '../runtime/runtime.ts';
import type { PredictSettings } from '../runtime/settings.ts';
import type { TrainerHost } from '../scheduler/host.ts';
import type { PreparedTraining } from '../scheduler/training/prepared.ts';
import type { Evaluation, TrainingReport } from '../scheduler/training/reports.ts';
import type { TrainingResult } from '../scheduler/training/run.ts';
import { Connection } from './connection.ts';
import type { FitCall, PredictCall, RuntimeSetup } from './lone.ts';

export class RemoteRuntime extends Runtime {
  #connection: Connection | null = null;
  readonly #start: StartWorker;

  constructor(platform: Platform, start: StartWorker, options: RuntimeOptions) {
    super(platform, { ...options, workers: 1 });
    this.#start = start;
  }

  #remote({ factory, compiled }: TrainerHost): Connection {
    const setup: RuntimeSetup = { backend: factory.name, compiled };
    this.#connection ??= new Connection(this.#start, setup, this.warn);
    return this.#connection;
  }

  protected override fit(
    host: TrainerHost,
    prepared: PreparedTraining,
    options: FitSettings,
    report: (report: TrainingReport) => void,
  ): Promise<TrainingResult> {
    const { signal, onProgress, onReport, checkpoint } = options;
    const call: FitCall = {
      prepared,
      settings: plainPart(options),
      progress: onProgress !== undefined,
      checkpoint:
        checkpoint === undefined
          ? null
          : { everySteps: checkpoint.everySteps, everySeconds: checkpoint.everySeconds },
    };
    return this.#remote(host).call('fit', call, signal, {
      report: (next: TrainingReport) => {
        onReport?.(next);
        report(next);
      },
      progress: onProgress ?? (() => undefined),
      save: checkpoint?.save ?? (() => undefined),
      warn: host.warn,
    });
  }

  protected override predictRead(
    posterior: AnyPosterior,
    x: Matrix,
    settings: PredictSettings,
  ): Promise<Prediction> {
    return this.#predict('predict', { posterior, x }, settings);
  }

  override evaluateRead(
    posterior: AnyPosterior,
    x: Matrix,
    y: Matrix,
    settings: PredictSettings,
  ): Promise<Evaluation> {
    return this.#predict('evaluate', { posterior, x, y }, settings);
  }

  protected override async *drawsRead(
    posterior: AnyPosterior,
    x: Matrix,
    settings: PredictSettings,
  ): AsyncGenerator<Draw> {
    const over = new AbortController();
    const signal =
      settings.signal === undefined ? over.signal : AbortSignal.any([settings.signal, over.signal]);
    const mailbox = new Mailbox<Draw>();
    const call = this.#predict('draws', { posterior, x }, { ...settings, signal }, (draw) =>
      mailbox.put(draw),
    );
    call.then(
      () => mailbox.end(),
      () => mailbox.end(),
    );
    try {
      yield* mailbox.taken();
      await call;
    } finally {
      over.abort();
      call.catch(() => undefined);
    }
  }

  #predict<T>(
    method: string,
    given: Pick<PredictCall, 'posterior' | 'x' | 'y'>,
    settings: PredictSettings,
    draw: (draw: Draw) => unknown = () => undefined,
  ): Promise<T> {
    const { signal, onProgress, ...plain } = settings;
    const call: PredictCall = { ...given, settings: plain, progress: onProgress !== undefined };
    return this.job((host) =>
      this.#remote(host).call<T>(method, call, signal, {
        progress: onProgress ?? (() => undefined),
        draw,
      }),
    );
  }

  override async close(): Promise<void> {
    await super.close();
    const connection = this.#connection;
    this.#connection = null;
    await connection?.close();
  }
}

/** What can be sent of the settings: all but functions, the signal, and members of an ensemble that are there already. */
function plainPart(settings: FitSettings): FitCall['settings'] {
  const {
    signal: _,
    checkpoint: __,
    trained: ___,
    ...rest
  } = settings as FitSettings & { trained?: unknown };
  return Object.fromEntries(
    Object.entries(rest).filter(([, value]) => typeof value !== 'function'),
  ) as FitCall['settings'];
}

/** Items handed over one at a time: the next is put when the last was taken. */
class Mailbox<T> {
  #item: { readonly value: T; readonly taken: () => void } | null = null;
  #ended = false;
  #left = false;
  #wake: () => void = () => undefined;

  /** @throws when the reader has left, so that the worker makes no more items */
  put(value: T): Promise<void> {
    if (this.#left) throw new Error('draws: the loop over them has ended');
    return new Promise((taken) => {
      this.#item = { value, taken };
      this.#wake();
    });
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *taken(): AsyncGenerator<T> {
    try {
      for (;;) {
        if (this.#item !== null) {
          const { value, taken } = this.#item;
          this.#item = null;
          try {
            yield value;
          } finally {
            taken();
          }
        } else if (this.#ended) return;
        else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.#left = true;
    }
  }
}
