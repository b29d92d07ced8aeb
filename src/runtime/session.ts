// A session: one posterior or ensemble in a thread of its own, kept ready for many small requests.

import { transfer } from 'comlink';
import { LANES } from '../backend/backend.ts';
import { checkPosterior } from '../core/arguments.ts';
import type { Matrix } from '../core/matrix.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import type { PredictionMode } from '../core/prediction/predictionMode.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { checkOptions } from '../options/check.ts';
import { readable } from '../options/readable.ts';
import type { Platform } from '../platform/platform.ts';
import { SessionThread } from '../scheduler/prediction/sessionThread.ts';
import type { SessionRequest } from '../workers/protocol.ts';
import { rowsAreAlike, untilTolerance } from './adaptiveDraws.ts';
import { namedInputs } from './namedInputs.ts';
import { sessionOptions, sessionPredictOptions } from './optionSchemas.ts';
import type { PredictOptions, RowsLike } from './options.ts';
import { checkInputs, featureUnits } from './prepare.ts';
import { readAdaptiveOptions } from './readArguments.ts';
import { familiesOf } from './settings.ts';

export interface SessionOptions {
  /** As of `createRuntime`; default `auto`. */
  readonly backend?: string;
  /** Rows worked on at once, 256 by default; a request of more is cut. */
  readonly capacity?: number;
  /** Bytes of drawn weights kept between requests, 64 MiB by default: draws that fit are drawn once. 0 keeps none. */
  readonly cacheBytes?: number;
}

export type SessionPredictOptions = Pick<PredictOptions, 'draws' | 'mode' | 'quantiles'>;

/** Predictions from one posterior by one thread, in the order they are asked for. */
export interface Session extends AsyncDisposable {
  readonly backend: string;
  /**
   * The same as `runtime.predict` of the posterior, to the last bit; `x` may be changed once the call has returned its promise.
   * @throws RangeError or TypeError for inputs that do not fit, WorkerLostError when the session's thread died
   */
  predict(x: RowsLike, options?: SessionPredictOptions): Promise<Prediction>;
  /** Waits for the predictions that were asked for, then ends the thread. */
  close(): Promise<void>;
}

/**
 * Starts a thread of `platform` that answers from a copy of `posterior` until it is closed. It keeps the process alive only while it works.
 * @throws BackendUnavailableError when the backend cannot run here; RangeError for a bad option or when memory is short
 */
export async function openSession(
  platform: Platform,
  posterior: AnyPosterior,
  options: SessionOptions = {},
): Promise<Session> {
  const { backend, capacity, cacheBytes } = readable('openSession', () => {
    checkPosterior('openSession', posterior);
    return checkOptions('openSession', sessionOptions, options);
  });
  const factory = platform.backends.pick(backend);
  const compiled = await factory.compile();
  // Its memory may have been transferred since the call.
  checkPosterior('openSession', posterior);
  const thread = new SessionThread(platform);
  const setup = {
    posterior,
    backend: factory.name,
    compiled,
    capacity: Math.ceil(capacity / LANES) * LANES,
    cacheBytes,
    pulse: thread.pulse,
  };
  try {
    await thread.call((remote) => remote.open(setup));
  } catch (error) {
    await thread.close();
    throw error;
  }
  const units = featureUnits(posterior);
  const { model, columns } = posterior;
  const families = familiesOf(posterior);
  const alike = rowsAreAlike(posterior, 'marginal');
  return new ThreadSession({ model, columns }, units, families, alike, factory.name, thread);
}

class ThreadSession implements Session {
  constructor(
    readonly posterior: Pick<AnyPosterior, 'model' | 'columns'>,
    readonly units: ReturnType<typeof featureUnits>,
    readonly families: ReturnType<typeof familiesOf>,
    /** Whether rows of mode marginal may be predicted apart from each other. */
    readonly alike: boolean,
    readonly backend: string,
    readonly thread: SessionThread,
  ) {}

  async predict(x: RowsLike, options: SessionPredictOptions = {}): Promise<Prediction> {
    const { settings, features, table } = readable('predict', () => {
      const settings = readAdaptiveOptions('predict', this.families, sessionPredictOptions, options);
      const { model, columns } = this.posterior;
      const features = namedInputs('predict', columns, x);
      const table = checkInputs('predict', model, this.units, features);
      return { settings, features, table };
    });
    const { mode, draws, quantiles: levels, adaptive } = settings;
    if (adaptive === null)
      // What is not a copy already must not be moved.
      return this.#ask(table === features ? copyOf(table) : table, draws, mode, levels);
    // One copy now, for the caller may change what it gave; another for each call, for it is moved.
    const kept = copyOf(table);
    return untilTolerance(kept, adaptive, this.alike || mode !== 'marginal', (rows, most) =>
      this.#ask(copyOf(rows), most, mode, levels),
    );
  }

  #ask(x: Matrix, draws: number, mode: PredictionMode, levels: readonly number[]): Promise<Prediction> {
    const request: SessionRequest = { x, draws, mode, levels };
    return this.thread.call((remote) => remote.predict(transfer(request, [x.data.buffer as ArrayBuffer])));
  }

  close(): Promise<void> {
    return this.thread.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function copyOf(x: Matrix): Matrix {
  return { ...x, data: x.data.slice() };
}
