// The pool of workers in a browser whose page may share memory: starts them as requests need them, hands out, replaces the dead.
// A worker that was terminated may still be writing; that it is gone shows in the release of a lock it held.

import { BackendUnavailableError, WorkerLostError } from '../../errors.ts';
import type { Reply, Request } from '../../workers/protocol.ts';
import { LostRequestError, type PoolOptions, type WorkerPool } from '../platform.ts';
import type { PoolMessage, PoolTask, Role } from './messages.ts';
import { type StartWorker, startupProblem } from './start.ts';
import { type WebWorker, web } from './web.ts';

/** Longer than any kernel takes. */
const END_MS = 30_000;

interface Task {
  readonly request: Request;
  readonly ending: AbortController | undefined;
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

interface Member {
  readonly worker: WebWorker;
  readonly lock: string;
  ready: boolean;
  task: Task | null;
}

export class BrowserPool implements WorkerPool {
  settled = 0;
  stuck = false;
  readonly #members = new Set<Member>();
  readonly #queue: Task[] = [];
  readonly #pending = new Set<Promise<unknown>>();
  #closed = false;

  /** @param size workers there may be; they start when there are requests for them */
  constructor(
    readonly size: number,
    readonly start: StartWorker,
    readonly options: PoolOptions = {},
  ) {}

  async run<R extends Reply>(request: Request, ending?: AbortController): Promise<R> {
    if (this.#closed) throw new Error('runtime: expected an open runtime, got a closed one — create another');
    const task = new Promise<Reply>((resolve, reject) => {
      this.#queue.push({ request, ending, resolve, reject });
    });
    this.#pending.add(task);
    this.#next();
    try {
      return (await task) as R;
    } finally {
      this.settled++;
      this.#pending.delete(task);
    }
  }

  #next(): void {
    let starting = 0;
    for (const member of this.#members) {
      if (!member.ready) starting++;
      else if (member.task === null && this.#queue.length > 0)
        this.#give(member, this.#queue.shift() as Task);
    }
    for (let n = starting; n < this.#queue.length && this.#members.size < this.size; n++) this.#add();
  }

  #give(member: Member, task: Task): void {
    member.task = task;
    member.worker.postMessage({ request: task.request } satisfies PoolTask);
  }

  #add(): void {
    const lock = `varpool-${crypto.randomUUID()}`;
    let worker: WebWorker;
    try {
      worker = this.start(this.options.entry);
    } catch (cause) {
      this.#failStart(startupProblem(cause));
      return;
    }
    const member: Member = { worker, lock, ready: false, task: null };
    this.#members.add(member);
    worker.addEventListener('message', ({ data }) => this.#hear(member, data as PoolMessage));
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      void this.#lose(member, event.message);
    });
    worker.addEventListener('messageerror', () => void this.#lose(member, 'a message could not be read'));
    worker.postMessage({ role: 'pool', lock } satisfies Role);
  }

  #hear(member: Member, message: PoolMessage): void {
    const { task } = member;
    member.ready = true;
    member.task = null;
    if (message.kind === 'reply') task?.resolve(message.reply);
    else if (message.kind === 'unfit') task?.reject(new BackendUnavailableError(message.message));
    else if (message.kind === 'error') task?.reject(new LostRequestError(`worker: ${message.message}`));
    this.#next();
  }

  /** A worker that died, or whose program could not be loaded. */
  async #lose(member: Member, message: string | undefined): Promise<void> {
    const { task, ready } = member;
    await this.#end([member]);
    if (!ready) this.#failStart(startupProblem(message));
    else {
      task?.reject(new LostRequestError(`worker: ${message || 'it died'}`));
      this.#next();
    }
  }

  /** What waits for workers waits in vain. */
  #failStart(error: Error): void {
    for (const task of this.#queue.splice(0)) task.reject(error);
  }

  /** Terminates workers; resolves to whether they are known to be gone. */
  async #end(members: readonly Member[]): Promise<boolean> {
    for (const member of members) {
      this.#members.delete(member);
      member.worker.terminate();
    }
    const signal = AbortSignal.timeout(this.options.endMs ?? END_MS);
    const gone = await Promise.all(
      members.filter(({ ready }) => ready).map(({ lock }) => released(lock, signal)),
    );
    if (gone.every(Boolean)) return true;
    this.stuck = true;
    return false;
  }

  async endWorkers(endings: readonly AbortController[]): Promise<void> {
    const wanted = ({ ending }: Task) => ending !== undefined && endings.includes(ending);
    const lost = new LostRequestError('worker: it was ended');
    const waiting = this.#queue.filter(wanted);
    for (const task of waiting) this.#queue.splice(this.#queue.indexOf(task), 1);
    const members = [...this.#members].filter(({ task }) => task !== null && wanted(task));
    const gone = await this.#end(members);
    for (const task of [...waiting, ...members.map((member) => member.task as Task)]) task.reject(lost);
    this.#next();
    if (gone) return;
    throw new WorkerLostError(
      'runtime: a worker does not end; it may take a core until the page is closed — reload the page',
    );
  }

  async release(): Promise<void> {
    const size = [...this.#members].filter(({ ready }) => ready).length;
    if (this.#closed || size === 0 || size < this.#members.size) return;
    const meeting = new Int32Array(new SharedArrayBuffer(4));
    await Promise.allSettled(
      Array.from({ length: size }, () => this.run({ kind: 'release', size, meeting })),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#pending);
    await this.#end([...this.#members]);
  }
}

/** Whether the holder of a lock has gone, before the signal. */
async function released(lock: string, signal: AbortSignal): Promise<boolean> {
  const { locks } = web.navigator ?? {};
  if (locks === undefined) return true;
  return locks.request(lock, { signal }, () => true).catch(() => false);
}
