// Threads that answer requests: started as requests need them, handed the next one when they are free, ended. Knows neither what
// requests mean nor which program the threads run.

import type { Worker } from 'node:worker_threads';
import { LostRequestError } from '../platform.ts';
import { threadsEnd } from './threads.ts';

/** What a thread posts when it is done with a request (answerRequests). */
export type ThreadAnswer<Reply> = { readonly reply: Reply } | { readonly error: unknown };

interface Task<Request, Reply> {
  readonly request: Request;
  readonly ending: AbortController | undefined;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

interface Thread<Request, Reply> {
  readonly worker: Worker;
  task: Task<Request, Reply> | null;
  /** What it threw; its exit follows. */
  thrown: unknown;
}

export class ThreadPool<Request, Reply> {
  readonly #threads = new Set<Thread<Request, Reply>>();
  readonly #queue: Task<Request, Reply>[] = [];
  readonly #pending = new Set<Promise<unknown>>();
  #closed = false;
  #settled = 0;
  #stuck = false;

  /**
   * @param size threads there may be; they start when there are requests for them
   * @param start starts a thread that answers by answerRequests
   * @param endMs milliseconds a thread may take to end; default 30 s
   */
  constructor(
    readonly size: number,
    readonly start: () => Worker,
    readonly endMs?: number,
  ) {}

  /** Requests that came back, one way or the other: while none does, those that wait for a thread make no progress. */
  get settled(): number {
    return this.#settled;
  }

  /** A thread could not be ended: it may write to shared memory at any time. */
  get stuck(): boolean {
    return this.#stuck;
  }

  /** Threads that were started and not ended. */
  get started(): number {
    return this.#threads.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Runs a request on the next free thread.
   * @param ending ends the request's thread, by way of `end`; of this request alone
   * @throws LostRequestError when the thread died or threw: the same request may be run again
   */
  async run(request: Request, ending?: AbortController): Promise<Reply> {
    if (this.#closed) throw new Error('runtime: expected an open runtime, got a closed one — create another');
    const task = new Promise<Reply>((resolve, reject) => {
      this.#queue.push({ request, ending, resolve, reject });
    });
    this.#pending.add(task);
    this.#next();
    try {
      return await task;
    } finally {
      this.#settled++;
      this.#pending.delete(task);
    }
  }

  #next(): void {
    for (const thread of this.#threads) {
      if (this.#queue.length === 0) return;
      if (thread.task === null) this.#give(thread);
    }
    while (this.#queue.length > 0 && this.#threads.size < this.size) this.#give(this.#add());
  }

  #give(thread: Thread<Request, Reply>): void {
    const task = this.#queue.shift() as Task<Request, Reply>;
    thread.task = task;
    // A thread keeps the process while it works, and not while it waits.
    thread.worker.ref();
    thread.worker.postMessage(task.request);
  }

  #add(): Thread<Request, Reply> {
    const thread: Thread<Request, Reply> = { worker: this.start(), task: null, thrown: null };
    const { worker } = thread;
    this.#threads.add(thread);
    worker.on('message', (answer: ThreadAnswer<Reply>) => this.#hear(thread, answer));
    worker.on('messageerror', (error) => {
      thread.thrown ??= error;
      void worker.terminate();
    });
    worker.on('error', (error) => {
      thread.thrown ??= error;
    });
    // Not before: until it has ended it may write to memory that others share with it.
    worker.on('exit', (code) => this.#lose(thread, code));
    return thread;
  }

  #hear(thread: Thread<Request, Reply>, answer: ThreadAnswer<Reply>): void {
    const { task } = thread;
    thread.task = null;
    thread.worker.unref();
    if ('reply' in answer) task?.resolve(answer.reply);
    else task?.reject(lost(answer.error));
    this.#next();
  }

  #lose(thread: Thread<Request, Reply>, code: number): void {
    this.#threads.delete(thread);
    thread.task?.reject(lost(thread.thrown ?? new Error(`it ended with exit code ${code}`)));
    thread.task = null;
    if (!this.#closed) this.#next();
  }

  /**
   * Ends the threads of the requests that were given these controllers and are not done. Resolves when they are gone, so that none
   * writes to memory any longer, to true; to false when one cannot be ended.
   */
  async end(endings: readonly AbortController[]): Promise<boolean> {
    const wanted = ({ ending }: Task<Request, Reply>) => ending !== undefined && endings.includes(ending);
    for (const task of this.#queue.filter(wanted)) {
      this.#queue.splice(this.#queue.indexOf(task), 1);
      task.reject(lost(new Error('it was ended')));
    }
    return this.#endThreads([...this.#threads].filter(({ task }) => task !== null && wanted(task)));
  }

  async #endThreads(threads: readonly Thread<Request, Reply>[]): Promise<boolean> {
    for (const thread of threads) {
      thread.thrown ??= new Error('it was ended');
      this.#threads.delete(thread);
      void thread.worker.terminate();
    }
    const gone = await threadsEnd(
      threads.map(({ worker }) => worker),
      this.endMs,
    );
    if (!gone) this.#stuck = true;
    // Those of threads that are gone know it by now.
    for (const { task, thrown } of threads) task?.reject(lost(thrown));
    this.#next();
    return gone;
  }

  /** Waits for running requests, then ends all threads. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#pending);
    await this.#endThreads([...this.#threads]);
  }
}

function lost(cause: unknown): LostRequestError {
  return new LostRequestError(`worker: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}
