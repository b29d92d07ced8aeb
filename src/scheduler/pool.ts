// The worker threads: start, hand out, replace the dead, close. Knows requests and replies, not what they mean.

import { Piscina } from 'piscina';
import type { Reply, Request } from '../workers/protocol.ts';

/** A request that came back without a reply because its worker died or threw. */
export class LostRequestError extends Error {}

/** Workers run compiled code; from source (tests) that is the build beside it. */
function workerEntry(): string {
  const here = import.meta.url;
  return new URL(here.endsWith('.ts') ? '../../dist/workers/entry.node.js' : '../workers/entry.node.js', here)
    .href;
}

export class WorkerPool {
  readonly #piscina: Piscina<Request, Reply>;
  readonly #pending = new Set<Promise<unknown>>();
  #closed = false;

  constructor(readonly size: number) {
    this.#piscina = new Piscina<Request, Reply>({
      filename: workerEntry(),
      minThreads: size,
      maxThreads: size,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
    });
  }

  /**
   * Runs a request on the next free worker. A dead worker is replaced by piscina before the next request.
   * @throws LostRequestError when the worker died or threw: the same request may be run again
   */
  async run<R extends Reply>(request: Request): Promise<R> {
    if (this.#closed) throw new Error('runtime: expected an open runtime, got a closed one — create another');
    const task = this.#piscina.run(request);
    this.#pending.add(task);
    try {
      return (await task) as R;
    } catch (cause) {
      throw new LostRequestError(`worker: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    } finally {
      this.#pending.delete(task);
    }
  }

  /** Makes every worker forget the memory of its last job. */
  async release(): Promise<void> {
    if (this.#closed) return;
    const meeting = new Int32Array(new SharedArrayBuffer(4));
    const request: Request = { kind: 'release', size: this.size, meeting };
    await Promise.allSettled(Array.from({ length: this.size }, () => this.run(request)));
  }

  /** Waits for running requests, then ends all threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#pending);
    await this.#piscina.destroy();
  }
}
