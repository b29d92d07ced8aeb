// The thread of a session, as its owner holds it: calls through comlink that settle even when the thread dies or hangs, and its end.
// comlink alone would leave a call to a dead worker waiting for ever.

import { type Endpoint, type Remote, wrap } from 'comlink';
import { BackendUnavailableError, WorkerLostError } from '../../errors.ts';
import type { Platform, SessionPort } from '../../platform/platform.ts';
import type { SessionCalls } from '../../workers/protocol.ts';
import { patienceOf, standsStill } from '../liveness.ts';

/** What tests change of a session's thread. */
export interface SessionThreadTesting {
  /** Another program for the thread. */
  readonly entry?: string | undefined;
  /** Milliseconds it may stand still. */
  readonly patience?: number | undefined;
  /** Milliseconds it may take to end. */
  readonly endMs?: number | undefined;
}

export class SessionThread {
  readonly #port: SessionPort;
  readonly #remote: Remote<SessionCalls>;
  /** How to reject each call that waits. A race with one promise of the thread's end would keep every call in memory. */
  readonly #waiting = new Set<(reason: Error) => void>();
  /** Settles when the newest call does: answers come in the order of the calls. */
  #newest: Promise<unknown> = Promise.resolve();
  #lost: { readonly cause: unknown } | null = null;
  #closed: Promise<void> | null = null;

  /** A counter that the thread increments as it works; where memory cannot be shared, a copy that does not change here. */
  readonly pulse: Int32Array;
  /** Not 0 when the prediction under way is no longer wanted; not seen by the thread where memory cannot be shared. */
  readonly stop: Int32Array;
  /** Settles once no call is waiting. */
  #idle: { readonly promise: Promise<void>; readonly settle: () => void } | null = null;
  /** Milliseconds in which calls waited. */
  #busyMs = 0;

  constructor(
    readonly platform: Pick<Platform, 'startSession' | 'sharesMemory'>,
    readonly testing: SessionThreadTesting = {},
  ) {
    const word = () => new Int32Array(platform.sharesMemory ? new SharedArrayBuffer(4) : new ArrayBuffer(4));
    this.pulse = word();
    this.stop = word();
    const { entry, endMs } = testing;
    this.#port = platform.startSession({ entry, endMs, onLost: (cause) => this.#lose(cause) });
    // Only a call in flight keeps the process alive.
    this.#port.keepAlive(false);
    this.#remote = wrap<SessionCalls>(this.#port.wire as unknown as Endpoint);
  }

  /** Whether the thread is gone, or was given up. */
  get lost(): boolean {
    return this.#lost !== null;
  }

  /** @throws what the call threw in the thread, of the same class; WorkerLostError when the thread died or had died before */
  async call<T>(send: (remote: Remote<SessionCalls>) => Promise<T>): Promise<T> {
    if (this.#closed !== null)
      throw new Error('session: expected an open session, got a closed one — open another');
    if (this.#lost !== null) throw lostError(this.#lost.cause);
    const answer = new Promise<T>((resolve, reject) => {
      if (this.#waiting.size === 0) this.#port.keepAlive(true);
      this.#waiting.add(reject);
      if (this.#idle === null && this.platform.sharesMemory) void this.#watch();
      send(this.#remote)
        .finally(() => {
          this.#waiting.delete(reject);
          if (this.#waiting.size > 0) return;
          this.#port.keepAlive(false);
          this.#idle?.settle();
        })
        .then(resolve, (error) => reject(revived(error)));
    });
    this.#newest = answer.then(noop, noop);
    return answer;
  }

  /** Ends the thread if it stands still while calls wait for it. */
  async #watch(): Promise<void> {
    let settle: () => void = noop;
    const promise = new Promise<void>((resolve) => {
      settle = resolve;
    });
    this.#idle = { promise, settle };
    const steps = Atomics.load(this.pulse, 0);
    const patience = this.testing.patience ?? patienceOf(steps === 0 ? 0 : this.#busyMs / steps);
    const start = performance.now();
    const stuck = await standsStill(promise, patience, () => Atomics.load(this.pulse, 0));
    this.#busyMs += performance.now() - start;
    this.#idle = null;
    if (!stuck) {
      if (this.#waiting.size > 0) void this.#watch();
      return;
    }
    this.#lose(new Error(`no sign of life for ${patience / 1000} s`));
    await this.#port.end();
  }

  #lose(cause: unknown): void {
    this.#lost ??= { cause };
    for (const reject of this.#waiting) reject(lostError(this.#lost.cause));
    this.#waiting.clear();
    this.#idle?.settle();
  }

  /** Waits for the calls that were made, then ends the thread. */
  close(): Promise<void> {
    this.#closed ??= this.#newest.then(() => this.#port.end());
    return this.#closed;
  }
}

function lostError(cause: unknown): WorkerLostError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const message = `session: its worker thread died (${reason}) — call again: another thread is started`;
  return new WorkerLostError(message, { cause });
}

/** Errors a session's thread raises on purpose. Of others, name, code and message arrive, on a plain Error. */
const CLASSES = { RangeError, TypeError };

function revived(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  // By its code: a bundler may have given the class another name.
  const isUnavailable = (error as { code?: unknown }).code === UNAVAILABLE;
  if (!isUnavailable && !Object.hasOwn(CLASSES, error.name)) return error;
  const revived = isUnavailable
    ? new BackendUnavailableError(error.message)
    : new CLASSES[error.name as keyof typeof CLASSES](error.message);
  if (error.stack !== undefined) revived.stack = error.stack;
  return revived;
}

const UNAVAILABLE: BackendUnavailableError['code'] = 'VARPOOL_BACKEND_UNAVAILABLE';

function noop(): void {}
