// The pool of a runtime: worker threads with varpool's own program, and requests to all of them at once.

// Without `node:`, as bundlers look for the start of threads (docs/bundlers.md).
// biome-ignore lint/style/useNodejsImportProtocol: webpack takes `new Worker(new URL(…))` for a start of a thread by this name alone
import { Worker, type WorkerOptions } from 'worker_threads';
import { WorkerLostError } from '../../errors.ts';
import type { Reply, Request } from '../../workers/protocol.ts';
import type { PoolOptions, WorkerPool } from '../platform.ts';
import { ThreadPool } from './threadPool.ts';
import { BUILD, inheritedFlags } from './threads.ts';
import type { ThreadSetup } from './workerEntry.ts';

/** Threads run compiled code; from source (tests) that is the build beside it. */
function start({ heapMb, hook, entry }: PoolOptions): Worker {
  const options: WorkerOptions = {
    name: 'varpool',
    workerData: { hook, entry } satisfies ThreadSetup,
    ...inheritedFlags(),
    ...(heapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
  };
  if (BUILD !== null) return new Worker(new URL(`${BUILD}platform/node/worker.js`), options);
  return new Worker(new URL('./worker.js', import.meta.url), options);
}

export class NodePool implements WorkerPool {
  readonly #pool: ThreadPool<Request, Reply>;

  /** @param size threads there may be; they start when there are requests for them */
  constructor(
    readonly size: number,
    options: PoolOptions = {},
  ) {
    this.#pool = new ThreadPool(size, () => start(options), options.endMs);
  }

  get settled(): number {
    return this.#pool.settled;
  }

  get stuck(): boolean {
    return this.#pool.stuck;
  }

  run<R extends Reply>(request: Request, ending?: AbortController): Promise<R> {
    return this.#pool.run(request, ending) as Promise<R>;
  }

  async endWorkers(endings: readonly AbortController[]): Promise<void> {
    if (await this.#pool.end(endings)) return;
    throw new WorkerLostError(
      'runtime: a worker thread is stuck in native code and cannot be ended; it takes a core until the process ends — end the process',
    );
  }

  /** Makes every worker forget the arenas it knows. */
  async release(): Promise<void> {
    const size = this.#pool.started;
    if (this.#pool.closed || size === 0) return;
    const meeting = new Int32Array(new SharedArrayBuffer(4));
    const request: Request = { kind: 'release', size, meeting };
    await Promise.allSettled(Array.from({ length: size }, () => this.run(request)));
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
