// A session: posteriors and ensembles in a thread of their own, kept ready for many small requests, which are computed together where their
// settings are equal.

import { LANES } from '../backend/backend.ts';
import { checkPosterior } from '../core/arguments.ts';
import type { Matrix } from '../core/matrix.ts';
import { parameterLayout } from '../core/parameters.ts';
import type { AnyPosterior } from '../core/posterior.ts';
import { createFamily } from '../core/posteriors/index.ts';
import { membersOf } from '../core/posteriors/mixture.ts';
import type { PredictionMode } from '../core/prediction/predictionMode.ts';
import type { Prediction } from '../core/predictive/prediction.ts';
import { WorkerLostError } from '../errors.ts';
import { describeValue, mismatch, nearest } from '../messages.ts';
import { checkOptions } from '../options/check.ts';
import { readable } from '../options/readable.ts';
import type { Platform } from '../platform/platform.ts';
import { Batcher, type BatchSettings } from '../scheduler/batching/batcher.ts';
import { LivingThread } from '../scheduler/prediction/livingThread.ts';
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
  /**
   * Bytes of drawn weights kept between requests, of all posteriors together: draws that fit are drawn once. 0 keeps none. Default: an eighth of
   * the memory that is free, at most 256 MiB.
   */
  readonly cacheBytes?: number;
  /**
   * Whether calls may wait for others, at most an eighth of a batch's time and 2 ms, as long as there are fewer than a moment ago; default true.
   * Several callers are answered faster so, and one alone never waits.
   */
  readonly gather?: boolean;
  /** Where warnings go; default as of `createRuntime`. */
  readonly onWarning?: (message: string) => void;
}

export interface SessionPredictOptions
  extends Pick<PredictOptions, 'draws' | 'mode' | 'quantiles' | 'signal'> {
  /** The posterior that answers, by its name, of a session that was opened with several. */
  readonly posterior?: string;
}

/** What a session answers from: one posterior, or several by name. */
export type SessionPosteriors = AnyPosterior | Readonly<Record<string, AnyPosterior>>;

/** Predictions by one thread. Calls that wait for it are computed together where posterior, draws, mode and quantiles are equal. */
export interface Session extends AsyncDisposable {
  readonly backend: string;
  /**
   * The same as `runtime.predict` of the posterior, to the last bit; `x` may be changed once the call has returned its promise.
   * @throws RangeError or TypeError for inputs that do not fit; the reason of the signal; WorkerLostError when the session's thread died: the next
   * call starts another
   */
  predict(x: RowsLike, options?: SessionPredictOptions): Promise<Prediction>;
  /** Waits for the predictions that were asked for, then ends the thread. */
  close(): Promise<void>;
}

const CACHE_BYTES = 256 << 20;

/** Rows of one call that go into a batch before others have their turn. */
const SLICE_ROWS = 64;

/**
 * Starts a thread of `platform` that answers from copies of `posteriors` until it is closed. It keeps the process alive only while it works.
 * @throws BackendUnavailableError when the backend cannot run here; RangeError for a bad option or when memory is short
 */
export async function openSession(
  platform: Platform,
  posteriors: SessionPosteriors,
  options: SessionOptions = {},
): Promise<Session> {
  const { names, given, settings } = readable('openSession', () => {
    const { names, given } = readPosteriors(posteriors);
    return { names, given, settings: checkOptions('openSession', sessionOptions, options) };
  });
  const factory = platform.backends.pick(settings.backend);
  const compiled = await factory.compile();
  // Their memory may have been transferred since the call.
  readPosteriors(posteriors);
  const cacheBytes = settings.cacheBytes ?? Math.min(CACHE_BYTES, Math.floor(platform.availableMemory() / 8));
  const thread = await LivingThread.open(platform, {
    // What a thread in place of a lost one answers from: the caller may change its own.
    posteriors: structuredClone(given),
    backend: factory.name,
    compiled,
    capacity: Math.ceil(settings.capacity / LANES) * LANES,
    cacheBytes,
  });
  const warn = settings.onWarning ?? ((message: string) => platform.warn(message));
  const members = given.reduce((sum, posterior) => sum + membersOf(posterior).length, 0);
  const kept = cacheBytes / members;
  const entries = given.map((posterior, n) => entryOf(posterior, n, kept));
  return new ThreadSession(
    names,
    entries,
    factory.name,
    thread,
    warn,
    settings.gather ? platform.nextTurn : undefined,
  );
}

/** @throws TypeError or RangeError for what is no posterior and no map of posteriors */
function readPosteriors(given: SessionPosteriors): {
  readonly names: readonly string[] | null;
  readonly given: AnyPosterior[];
} {
  const several = typeof given === 'object' && given !== null && !('model' in given) && isMap(given);
  if (!several) return { names: null, given: [checkPosterior('openSession', given)] };
  const entries = Object.entries(given);
  return {
    names: entries.map(([name]) => name),
    given: entries.map(([name, posterior]) => checkPosterior(`openSession: ${name}`, posterior)),
  };
}

/** Whether all values are posteriors by their looks. */
function isMap(given: object): given is Readonly<Record<string, AnyPosterior>> {
  const values = Array.isArray(given) ? [] : Object.values(given);
  return (
    values.length > 0 &&
    values.every((value) => typeof value === 'object' && value !== null && 'model' in value)
  );
}

/** What a session's owner knows of a posterior. */
interface Entry {
  readonly number: number;
  readonly posterior: Pick<AnyPosterior, 'model' | 'columns'>;
  readonly units: ReturnType<typeof featureUnits>;
  readonly families: ReturnType<typeof familiesOf>;
  /** Whether rows of mode marginal may be predicted apart from each other. */
  readonly alike: boolean;
  readonly hasMarginal: boolean;
  /** Bytes of the weights of a draw of each member, and how many of those are kept. */
  readonly drawBytes: number;
  readonly keptBytes: number;
}

function entryOf(posterior: AnyPosterior, number: number, keptBytes: number): Entry {
  const { model, columns } = posterior;
  const families = familiesOf(posterior);
  const layouts = membersOf(posterior).map((member) => parameterLayout(member.model));
  return {
    number,
    posterior: { model, columns },
    units: featureUnits(posterior),
    families,
    hasMarginal: families.every((spec) => createFamily(spec).modes.includes('marginal')),
    alike: rowsAreAlike(posterior, 'marginal'),
    drawBytes: Math.max(...layouts.map(({ size }) => size * 4)),
    keptBytes,
  };
}

/** What rows of a batch have in common. */
interface Settings extends BatchSettings {
  readonly posterior: number;
  readonly levels: readonly number[];
}

/** Weights drawn anew for each batch that are worth a warning: some 50 ms of work. */
const MANY_BYTES = 64 << 20;

class ThreadSession implements Session {
  readonly #batcher: Batcher<Settings>;
  #closed: Promise<void> | null = null;
  #warned = false;

  /** @param names of several posteriors */
  constructor(
    readonly names: readonly string[] | null,
    readonly entries: readonly Entry[],
    readonly backend: string,
    readonly thread: LivingThread,
    readonly warn: (message: string) => void,
    nextTurn: Platform['nextTurn'] | undefined,
  ) {
    const rows = thread.setup.capacity;
    const budget = { rows, sliceRows: Math.min(rows, SLICE_ROWS), rowDraws: Number.POSITIVE_INFINITY };
    const unbounded = {
      delayMs: 0,
      ...(nextTurn === undefined ? {} : { nextTurn }),
      queueRows: Number.POSITIVE_INFINITY,
      refusals: NEVER_REFUSED,
    };
    this.#batcher = new Batcher({ threads: 1, predict: this.#compute }, { ...budget, ...unbounded }, UNSEEN);
  }

  async predict(x: RowsLike, options: SessionPredictOptions = {}): Promise<Prediction> {
    const { entry, settings, features, table } = readable('predict', () => {
      const entry = this.#entry(options?.posterior);
      const { posterior, units, families } = entry;
      const settings = readAdaptiveOptions('predict', families, sessionPredictOptions, options);
      const features = namedInputs('predict', posterior.columns, x);
      const table = checkInputs('predict', posterior.model, units, features);
      return { entry, settings, features, table };
    });
    if (this.#closed !== null)
      throw new Error('session: expected an open session, got a closed one — open another');
    const { mode, draws, quantiles: levels, adaptive, signal } = settings;
    this.#adviseOn(entry, mode, draws);
    const divisible = entry.alike || mode !== 'marginal';
    const ask = async (rows: Matrix, most: number) => {
      const asked = { posterior: entry.number, draws: most, mode, levels };
      const batch = { caller: '', x: rows, settings: asked, divisible, deadlineMs: null, signal };
      return (await this.#batcher.ask(batch)).prediction;
    };
    // What is not a copy already must not be moved.
    if (adaptive === null) return ask(table === features ? copyOf(table) : table, draws);
    // One copy now, for the caller may change what it gave; another for each call, for it is moved.
    return untilTolerance(copyOf(table), adaptive, divisible, (rows, most) => ask(copyOf(rows), most));
  }

  #entry(name: string | undefined): Entry {
    const { names, entries } = this;
    if (names === null) {
      if (name === undefined) return entries[0];
      const next = 'leave it out, or open the session with several by name';
      throw new TypeError(
        mismatch('predict: posterior', 'none, for the session has one', describeValue(name), next),
      );
    }
    const at = typeof name === 'string' ? names.indexOf(name) : -1;
    if (at >= 0) return entries[at];
    const near = typeof name === 'string' ? nearest(name, names) : null;
    const next = near === null ? `known: ${names.join(', ')}` : `did you mean ${near}?`;
    throw new TypeError(
      mismatch('predict: posterior', 'the name of a posterior of the session', describeValue(name), next),
    );
  }

  readonly #compute = async (x: Matrix, settings: Settings, unwanted: AbortSignal): Promise<Prediction> => {
    try {
      return await this.thread.predict({ x, ...settings }, unwanted);
    } catch (error) {
      if (error instanceof WorkerLostError) this.#batcher.rejectWaiting(error);
      throw error;
    }
  };

  /** Says once what makes calls slow that draw more weights than are kept. */
  #adviseOn(
    { drawBytes, keptBytes, families, hasMarginal }: Entry,
    mode: PredictionMode,
    draws: number,
  ): void {
    const bytes = drawBytes * Math.ceil(draws / families.length);
    if (this.#warned || mode !== 'sample' || !hasMarginal || bytes - keptBytes < MANY_BYTES) return;
    this.#warned = true;
    const mib = (of: number) => `${Math.round((of * families.length) / 2 ** 20)} MiB`;
    const expected = `room for the weights of ${draws} draws (${mib(bytes)})`;
    const next = 'raise cacheBytes, or take mode marginal: what is not kept is drawn anew for every batch';
    this.warn(mismatch('session: cacheBytes', expected, mib(keptBytes), next));
  }

  close(): Promise<void> {
    this.#closed ??= this.#batcher.whenIdle().then(() => this.thread.close());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const UNSEEN = { batch: () => undefined };

const NEVER_REFUSED = {
  full: () =>
    new RangeError('session: expected a queue without end, got a full one — this is a bug, report it'),
  late: () => new RangeError('session: expected no deadline, got one — this is a bug, report it'),
};

function copyOf(x: Matrix): Matrix {
  return { ...x, data: x.data.slice() };
}
