// The contract between varpool and what it runs on: cores, memory, threads, warnings. The entry of each host passes its own
// platform in (src/node.ts); nothing from random to runtime reaches the host in any other way.

import type { ArenaMemory } from '../backend/arena.ts';
import type { WorkerHost } from '../workers/host.ts';
import type { Reply, Request } from '../workers/protocol.ts';

export interface Platform extends WorkerHost {
  /** Whether threads can be sent a shared memory. Without it there is no pool, and a session cannot be watched. */
  readonly sharesMemory: boolean;
  /** Threads that run at the same time, as far as this program may have them. */
  cores(): number;
  /** Bytes of memory this program may still take. */
  availableMemory(): number;
  /** Advises the host that an arena will be walked end to end, before its first write. Only speed depends on it: it never throws. */
  adviseHugePages(memory: ArenaMemory): void;
  /** Where warnings go unless the caller gives an onWarning. */
  warn(message: string): void;
  /** Calls once the events that have arrived by now are handled, as far as the host tells: sooner elsewhere. */
  nextTurn(call: () => void): void;
  /**
   * Calls `listener` when the program has nothing left to do, if its host can tell.
   * @returns removes the listener
   */
  beforeExit(listener: () => void): () => void;
  /** @param size threads there may be; they start when there are requests for them */
  startPool(size: number, options: PoolOptions): WorkerPool;
  /** Starts the thread of a session, which answers to `SessionCalls`. */
  startSession(options: SessionThreadOptions): SessionPort;
}

/** What tests change of a pool. */
export interface PoolOptions {
  /** Limit of a worker's JavaScript heap in MiB, for tests of what happens beyond it. */
  readonly heapMb?: number | undefined;
  /** Module that workers load (workers/hook.ts), in tests. */
  readonly hook?: string | undefined;
  /** Another program for the workers, in tests. */
  readonly entry?: string | undefined;
  /** Milliseconds a thread may take to end, in tests. */
  readonly endMs?: number | undefined;
}

/** A request that came back without a reply because its worker died or threw. */
export class LostRequestError extends Error {}

/** Worker threads: they start as requests need them, and the dead are replaced. */
export interface WorkerPool {
  /** Threads there may be. */
  readonly size: number;
  /** Requests that came back, one way or the other: while none does, those that wait for a worker make no progress. */
  readonly settled: number;
  /** A thread could not be ended: it may write to its arena at any time. */
  readonly stuck: boolean;
  /**
   * Runs a request on the next free worker.
   * @param ending ends the request's worker, by way of `endWorkers`; of this request alone
   * @throws LostRequestError when the worker died or threw: the same request may be run again
   */
  run<R extends Reply>(request: Request, ending?: AbortController): Promise<R>;
  /**
   * Ends the workers of the requests that were given these controllers and are not done. Resolves when their threads are gone, so that
   * none writes to memory any longer.
   * @throws WorkerLostError when one is stuck in machine code and cannot be ended
   */
  endWorkers(endings: readonly AbortController[]): Promise<void>;
  /** Makes every worker forget the arenas it knows. */
  release(): Promise<void>;
  /** Waits for running requests, then ends all threads. */
  close(): Promise<void>;
}

export interface SessionThreadOptions {
  /** Another program for the thread, in tests. */
  readonly entry?: string | undefined;
  /** Milliseconds the thread may take to end, in tests. */
  readonly endMs?: number | undefined;
  /** Called when the thread is gone, or has sent what cannot be read; answers it sent before have reached their callers by then. */
  onLost(cause: unknown): void;
}

/** A session's thread, as its owner holds it. It keeps the program running only between keepAlive(true) and keepAlive(false). */
export interface SessionPort {
  readonly wire: Wire;
  keepAlive(wanted: boolean): void;
  /** Ends the thread. Resolves when it is gone, or is known to be stuck. */
  end(): Promise<void>;
}

/** The near end of a connection to a thread, as comlink wants it; comlink's own type would ask for the DOM library. */
export interface Wire {
  postMessage(message: unknown, transfer?: unknown[]): void;
  addEventListener(type: string, listener: (event: { readonly data: unknown }) => void): void;
  removeEventListener(type: string, listener: (event: { readonly data: unknown }) => void): void;
}
