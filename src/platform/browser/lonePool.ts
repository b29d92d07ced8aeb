// The pool of a runtime that runs in a worker itself, where memory cannot be shared: requests are computed in its own thread, in
// slices short enough to handle messages in between, such as an abort.

import { BackendUnavailableError } from '../../errors.ts';
import type { WorkerHost } from '../../workers/host.ts';
import type { PhaseTimes, Reply, Request, TrainReply, TrainRequest } from '../../workers/protocol.ts';
import { LostRequestError, type WorkerPool } from '../platform.ts';
import { createProvenCompute } from './provenCompute.ts';

/** Steps are computed for about this long before messages are handled. */
const SLICE_MS = 40;

export class LonePool implements WorkerPool {
  readonly size = 1;
  readonly stuck = false;
  settled = 0;
  readonly #compute: (request: Request) => Reply;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(host: WorkerHost) {
    this.#compute = createProvenCompute(host);
  }

  async run<R extends Reply>(request: Request): Promise<R> {
    if (this.#closed) throw new Error('runtime: expected an open runtime, got a closed one — create another');
    const task = this.#last.then(() => this.#answer(request));
    this.#last = task.catch(() => undefined);
    try {
      return (await task) as R;
    } finally {
      this.settled++;
    }
  }

  async #answer(request: Request): Promise<Reply> {
    await turn();
    try {
      return request.kind === 'train' ? await this.#train(request) : this.#compute(request);
    } catch (cause) {
      if (cause instanceof BackendUnavailableError) throw cause;
      throw new LostRequestError(`worker: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  }

  async #train(request: TrainRequest): Promise<TrainReply> {
    const phases = { prologue: 0, pass: 0, finish: 0, wait: 0 };
    let steps = 1;
    for (let from = request.from; ; ) {
      const start = performance.now();
      const to = Math.min(request.to, from + steps);
      const reply = this.#compute({ ...request, from, to }) as TrainReply;
      for (const key of Object.keys(phases) as (keyof PhaseTimes)[]) phases[key] += reply.phases[key];
      if (reply.ended !== 'complete' || to === request.to) return { ...reply, phases };
      from = to;
      const each = (performance.now() - start) / steps;
      steps = Math.max(1, Math.floor(SLICE_MS / Math.max(each, SLICE_MS / 1024)));
      await turn();
    }
  }

  /** There is no other thread to end. */
  async endWorkers(): Promise<void> {}

  async release(): Promise<void> {
    await this.run({ kind: 'release', size: 1, meeting: new Int32Array(1) as never });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }
}

/** The next turn of the event loop; a timer would wait for some milliseconds. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    (port1 as unknown as { onmessage: () => void }).onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
