// The page's end of the connection to the runtime in its one worker: calls that settle even when the worker dies.

import { WorkerLostError } from '../errors.ts';
import type { Role } from '../platform/browser/messages.ts';
import { startupProblem } from '../platform/browser/start.ts';
import type { WebWorker } from '../platform/browser/web.ts';
import { revived, sendable, type ToPage, type ToWorker } from './messages.ts';

/** Listeners of a call by the names of its events; an event that asks waits for its listener. An error thrown by one ends the call. */
export type Listeners = Readonly<Record<string, (value: never) => unknown>>;

interface Pending {
  readonly listeners: Listeners;
  readonly signal: AbortSignal | undefined;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  /** The first error that a listener threw. */
  thrown: { readonly error: unknown } | null;
}

export class Connection {
  readonly #worker: WebWorker;
  readonly #onWarning: (message: string) => void;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #heard = false;
  #lost: Error | null = null;
  #onClosed: () => void = () => undefined;

  /**
   * @param setup backend and kernels of the worker's runtime
   * @param onWarning called with the warnings that belong to no call
   */
  constructor(start: () => WebWorker, setup: object, onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
    try {
      this.#worker = start();
    } catch (cause) {
      throw startupProblem(cause);
    }
    this.#worker.addEventListener('message', ({ data }) => void this.#hear(data as ToPage));
    this.#worker.addEventListener('error', (event) => {
      event.preventDefault();
      this.#lose(event.message);
    });
    this.#worker.addEventListener('messageerror', () => this.#lose('a message could not be read'));
    this.#worker.postMessage({ role: 'runtime', ...setup } satisfies Role);
  }

  /**
   * @param signal ends the call
   * @throws the error of the worker or of a listener, or the signal's reason; WorkerLostError when the worker died
   */
  async call<T>(
    method: string,
    argument: unknown,
    signal: AbortSignal | undefined,
    listeners: Listeners,
  ): Promise<T> {
    signal?.throwIfAborted();
    if (this.#lost !== null) throw this.#lost;
    const id = ++this.#calls;
    const abort = () => this.#say({ kind: 'abort', id });
    signal?.addEventListener('abort', abort);
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#pending.set(id, {
          listeners,
          signal,
          resolve: resolve as (value: unknown) => void,
          reject,
          thrown: null,
        });
        this.#say({ kind: 'call', id, method, argument });
      });
    } finally {
      this.#pending.delete(id);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Waits for running computations, then ends the worker; calls that are not finished then fail. */
  async close(): Promise<void> {
    if (this.#lost === null) {
      await new Promise<void>((resolve) => {
        this.#onClosed = resolve;
        this.#say({ kind: 'close' });
      });
    }
    this.#worker.terminate();
  }

  #say(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  async #hear(message: ToPage): Promise<void> {
    this.#heard = true;
    if (message.kind === 'closed') return this.#onClosed();
    if (message.kind === 'warning') return this.#onWarning(message.message);
    const { id } = message;
    const call = this.#pending.get(id);
    if (message.kind === 'event') {
      let thrown: { readonly error: unknown } | null = null;
      try {
        await call?.listeners[message.name]?.(message.value as never);
      } catch (error) {
        thrown = { error };
        if (call !== undefined) call.thrown ??= thrown;
      }
      if (message.asks)
        this.#say({ kind: 'answer', id, error: thrown === null ? null : sendable(thrown.error) });
      else if (thrown !== null) this.#say({ kind: 'abort', id });
    } else if (call === undefined) return;
    else if (call.thrown !== null) call.reject(call.thrown.error);
    else if (message.kind === 'result') call.resolve(message.value);
    else call.reject(call.signal?.aborted ? call.signal.reason : revived(message.error));
  }

  #lose(message: string | undefined): void {
    this.#lost ??= this.#heard
      ? new WorkerLostError(
          `runtime: its worker died (${message || 'no reason given'}) — create another runtime`,
        )
      : startupProblem(message);
    for (const { reject } of this.#pending.values()) reject(this.#lost);
    this.#onClosed();
  }
}
