// The worker threads, by piscina: start as requests need them, hand out, replace the dead, close. Knows requests and replies, not what they mean.

import { Piscina } from 'piscina';
import { WorkerLostError } from '../../errors.ts';
import type { Reply, Request } from '../../workers/protocol.ts';
import { LostRequestError, type PoolOptions, type WorkerPool } from '../platform.ts';
import { BUILD, inheritedFlags, threadsEnd } from './threads.ts';
import type { ThreadSetup } from './workerEntry.ts';

type Thread = Piscina['threads'][number];

/** The program of workers; where this file is a source (tests), that of the build. */
function workerProgram(): string {
  if (BUILD !== null) return `${BUILD}platform/node/worker.js`;
  return new URL('./worker.js', import.meta.url).href;
}

export class PiscinaPool implements WorkerPool {
  readonly #pending = new Set<Promise<unknown>>();
  #piscina: Piscina<Request, Reply> | null = null;
  /** Threads that a pool in use has at least: those that were needed at the same time. */
  #started = 0;
  /** Threads of given-up pools on their way out. */
  #ending: Promise<unknown> = Promise.resolve();
  #closed = false;
  #settled = 0;
  #stuck = false;

  /** @param size threads there may be; they start when there are requests for them */
  constructor(
    readonly size: number,
    readonly options: PoolOptions = {},
  ) {}

  /** Requests that came back, one way or the other: while none does, those that wait for a worker make no progress. */
  get settled(): number {
    return this.#settled;
  }

  /** A thread could not be ended: it may write to its arena at any time. */
  get stuck(): boolean {
    return this.#stuck;
  }

  #open(): Piscina<Request, Reply> {
    this.#started = Math.max(this.#started, Math.min(this.size, this.#pending.size + 1));
    if (this.#piscina === null) this.#piscina = this.#create();
    // A thread that dies is replaced up to this number; more are started by requests that find none free.
    this.#piscina.options.minThreads = this.#started;
    return this.#piscina;
  }

  #create(): Piscina<Request, Reply> {
    const { heapMb, hook, entry = workerProgram() } = this.options;
    const piscina = new Piscina<Request, Reply>({
      filename: entry,
      minThreads: this.#started,
      maxThreads: this.size,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      workerData: { hook } satisfies ThreadSetup,
      stricterFIFO: true,
      ...inheritedFlags(),
      ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
    });
    // Of a thread that died without a request: nothing is lost, and it is replaced.
    piscina.on('error', () => undefined);
    piscina.on('workerDestroy', () => queueMicrotask(() => this.#giveUpCrippled(piscina)));
    return piscina;
  }

  /**
   * A worker that dies while it starts is never replaced, and piscina then replaces no other: requests would wait forever. Such a pool
   * is ended, its requests are lost, and the next request opens another.
   */
  #giveUpCrippled(piscina: Piscina<Request, Reply>): void {
    if (this.#closed || this.#piscina !== piscina || piscina.threads.length >= this.#started) return;
    this.#piscina = null;
    this.#ending = Promise.all([this.#ending, this.#destroy(piscina)]);
  }

  /** Resolves when the threads are gone, or are known to be stuck. */
  async #destroy(piscina: Piscina<Request, Reply>): Promise<void> {
    const { threads } = piscina;
    void piscina.destroy();
    await this.#gone(threads);
  }

  async #gone(threads: readonly Thread[]): Promise<boolean> {
    const gone = await threadsEnd(threads, this.options.endMs);
    if (!gone) this.#stuck = true;
    return gone;
  }

  /**
   * Runs a request on the next free worker. A dead worker is replaced by piscina before the next request.
   * @param ending ends the request's worker, by way of `endWorkers`; of this request alone
   * @throws LostRequestError when the worker died or threw: the same request may be run again
   */
  async run<R extends Reply>(request: Request, ending?: AbortController): Promise<R> {
    if (this.#closed) throw new Error('runtime: expected an open runtime, got a closed one — create another');
    const task = this.#open().run(request, ending === undefined ? {} : { signal: ending.signal });
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
      this.#settled++;
      this.#pending.delete(task);
    }
  }

  /**
   * Ends the workers of the requests that were given these controllers and are not done. Resolves when their threads are gone, so that
   * none writes to memory any longer.
   * @throws WorkerLostError when one is stuck in machine code and cannot be ended
   */
  async endWorkers(endings: readonly AbortController[]): Promise<void> {
    const threads = () => this.#piscina?.threads ?? [];
    const before = [...threads()];
    for (const ending of endings) ending.abort();
    const kept = new Set(threads());
    if (await this.#gone(before.filter((thread) => !kept.has(thread)))) return;
    throw new WorkerLostError(
      'runtime: a worker thread is stuck in native code and cannot be ended; it takes a core until the process ends — end the process',
    );
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
    await Promise.all([this.#ending, this.#piscina === null ? null : this.#destroy(this.#piscina)]);
  }
}
