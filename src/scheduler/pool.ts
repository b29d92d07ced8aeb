// The worker threads: start, hand out, replace the dead, close. Knows requests and replies, not what they mean.

import { Piscina } from 'piscina';
import { WorkerLostError } from '../errors.ts';
import type { WorkerSetup } from '../workers/hook.ts';
import type { Reply, Request } from '../workers/protocol.ts';

type Thread = Piscina['threads'][number];

/** A request that came back without a reply because its worker died or threw. */
export class LostRequestError extends Error {}

/** Workers run compiled code; from source (tests) that is the build beside it. */
function workerEntry(): string {
  const here = import.meta.url;
  return new URL(here.endsWith('.ts') ? '../../dist/workers/entry.node.js' : '../workers/entry.node.js', here)
    .href;
}

/** Longer than any kernel takes. */
const END_MS = 30_000;

function threadEnd(thread: Thread): Promise<void> {
  return new Promise((resolve) => {
    if (thread.threadId === -1) resolve();
    else thread.once('exit', () => resolve());
  });
}

export class WorkerPool {
  readonly #pending = new Set<Promise<unknown>>();
  readonly #heapMb: number | undefined;
  readonly #setup: WorkerSetup;
  #piscina: Piscina<Request, Reply> | null = null;
  /** Threads of given-up pools on their way out. */
  #ending: Promise<unknown> = Promise.resolve();
  #closed = false;
  /** A thread could not be ended: it may write to its arena at any time. */
  stuck = false;

  /**
   * @param heapMb limit of a worker's JavaScript heap in MiB, for tests of what happens beyond it
   * @param hook module that workers load (workers/hook.ts), for tests
   */
  constructor(
    readonly size: number,
    heapMb?: number,
    hook?: string,
  ) {
    this.#heapMb = heapMb;
    this.#setup = { hook };
    this.#open();
  }

  #open(): Piscina<Request, Reply> {
    if (this.#piscina !== null) return this.#piscina;
    const piscina = new Piscina<Request, Reply>({
      filename: workerEntry(),
      minThreads: this.size,
      maxThreads: this.size,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      workerData: this.#setup,
      ...(this.#heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: this.#heapMb } }),
    });
    // Of a thread that died without a request: nothing is lost, and it is replaced.
    piscina.on('error', () => undefined);
    piscina.on('workerDestroy', () => queueMicrotask(() => this.#giveUpCrippled(piscina)));
    this.#piscina = piscina;
    return piscina;
  }

  /**
   * A worker that dies while it starts is never replaced, and piscina then replaces no other: requests would wait forever. Such a pool
   * is ended, its requests are lost, and the next request opens another.
   */
  #giveUpCrippled(piscina: Piscina<Request, Reply>): void {
    if (this.#closed || this.#piscina !== piscina || piscina.threads.length >= this.size) return;
    this.#piscina = null;
    this.#ending = Promise.all([this.#ending, piscina.destroy()]);
  }

  /**
   * Runs a request on the next free worker. A dead worker is replaced by piscina before the next request.
   * @param signal ends the request's worker, by way of `endWorkers`
   * @throws LostRequestError when the worker died or threw: the same request may be run again
   */
  async run<R extends Reply>(request: Request, signal?: AbortSignal): Promise<R> {
    if (this.#closed) throw new Error('runtime: expected an open runtime, got a closed one — create another');
    const task = this.#open().run(request, signal === undefined ? {} : { signal });
    this.#pending.add(task);
    try {
      return (await task) as R;
    } catch (cause) {
      // Until then the others of a given-up pool may still write to memory.
      await this.#ending;
      throw new LostRequestError(`worker: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    } finally {
      this.#pending.delete(task);
    }
  }

  /**
   * Ends the workers of the requests that were given the controller's signal and are not done. Resolves when their threads are gone
   * (at most after a while: one stuck in machine code cannot be ended), so that none writes to memory any more.
   */
  async endWorkers(controller: AbortController): Promise<void> {
    const threads = () => this.#piscina?.threads ?? [];
    const before = [...threads()];
    controller.abort();
    const kept = new Set(threads());
    const ends = before.filter((thread) => !kept.has(thread)).map(threadEnd);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise<never>((_, reject) => {
      const message = `runtime: expected a stuck worker to end, got one that did not in ${END_MS / 1000} s — end the process`;
      timer = setTimeout(() => reject(new WorkerLostError(message)), END_MS);
    });
    await Promise.race([Promise.all(ends), tooLong]).finally(() => clearTimeout(timer));
  }

  /** Makes every worker forget the arenas it knows. */
  async release(): Promise<void> {
    const size = this.#piscina?.threads.length ?? 0;
    if (this.#closed || size === 0) return;
    const meeting = new Int32Array(new SharedArrayBuffer(4));
    const request: Request = { kind: 'release', size, meeting };
    await Promise.allSettled(Array.from({ length: size }, () => this.run(request)));
  }

  /** Waits for running requests, then ends all threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#pending);
    await Promise.all([this.#ending, this.#piscina?.destroy()]);
  }
}
