// The thread of a session beyond its loss: calls that were in it fail, the next one starts another. One call at a time, which ends early when
// its answer is no longer wanted.

import { transfer } from 'comlink';
import type { Platform } from '../../platform/platform.ts';
import type { SessionRequest, SessionSetup } from '../../workers/protocol.ts';
import { onAbort } from '../cancellation.ts';
import { SessionThread } from './sessionThread.ts';

export class LivingThread {
  #thread: Promise<SessionThread>;
  #closed = false;

  /** @param setup what each thread answers from @throws BackendUnavailableError, or RangeError when memory is short */
  static async open(
    platform: Pick<Platform, 'startSession' | 'sharesMemory'>,
    setup: Omit<SessionSetup, 'pulse' | 'stop'>,
  ): Promise<LivingThread> {
    const living = new LivingThread(platform, setup);
    await living.#thread;
    return living;
  }

  private constructor(
    readonly platform: Pick<Platform, 'startSession' | 'sharesMemory'>,
    readonly setup: Omit<SessionSetup, 'pulse' | 'stop'>,
  ) {
    this.#thread = this.#start();
  }

  async #start(): Promise<SessionThread> {
    const thread = new SessionThread(this.platform);
    const { pulse, stop } = thread;
    try {
      await thread.call((remote) => remote.open({ ...this.setup, pulse, stop }));
      return thread;
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  /**
   * The answer to one request, whose rows are moved; none may be under way.
   * @throws WorkerLostError when the thread dies meanwhile; what the prediction throws
   */
  async predict(request: SessionRequest, unwanted: AbortSignal) {
    const thread = await this.#alive();
    Atomics.store(thread.stop, 0, 0);
    const heard = onAbort(unwanted, () => Atomics.store(thread.stop, 0, 1));
    try {
      return await thread.call((remote) =>
        remote.predict(transfer(request, [request.x.data.buffer as ArrayBuffer])),
      );
    } finally {
      heard();
    }
  }

  /** The thread, or another one in place of one that was lost or could not be started. */
  async #alive(): Promise<SessionThread> {
    const thread = await this.#thread.catch(() => null);
    if (this.#closed || (thread !== null && !thread.lost)) return this.#thread;
    this.#thread = this.#start();
    // The caller sees its failure; one that is not awaited must not count as unhandled.
    this.#thread.catch(() => undefined);
    await thread?.close();
    return this.#thread;
  }

  /** Ends the thread; to be called when no request is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    // One that could not be started has closed itself.
    const thread = await this.#thread.catch(() => null);
    await thread?.close();
  }
}
