// Samplers of single kernels on one or more threads at once, each thread on operands of its own in one shared arena.

import { Piscina } from 'piscina';
import { Arena, ArenaLayout } from '../backend/arena.ts';
import { LANES } from '../backend/backend.ts';
import { nodeBackends } from '../platform/node/backends.ts';
import { BUILD } from '../platform/node/threads.ts';
import type { KernelReply, KernelRequest } from './kernelThread.node.ts';
import { type KernelWork, kernelCost, regionBytes, workName } from './kernelWork.ts';
import type { Sampler } from './rounds.ts';

/** Threads run compiled code; from source (tests) that is the build beside it. */
function threadEntry(): string {
  if (BUILD !== null) return `${BUILD}bench/kernelThread.node.js`;
  return new URL('./kernelThread.node.js', import.meta.url).href;
}

export class KernelBench {
  readonly #pool: Piscina<KernelRequest, KernelReply>;
  readonly #arena: Arena;
  readonly #bases: readonly number[];
  readonly #compiled = new Map<string, unknown>();

  /**
   * @param threads at most this many compute at once
   * @param milliseconds a sample aims at this long
   * @param works all that will be asked for: the arena has room for the largest on every thread
   * @throws RangeError when the machine has no room for the operands
   */
  constructor(
    threads: number,
    readonly milliseconds: number,
    works: readonly KernelWork[],
  ) {
    const layout = new ArenaLayout(threads);
    const bytes = Math.max(...works.map(regionBytes));
    this.#bases = Array.from({ length: threads }, (_, t) => layout.reserve(`operands${t}`, bytes));
    this.#arena = Arena.allocate(layout);
    this.#pool = new Piscina<KernelRequest, KernelReply>({
      filename: threadEntry(),
      minThreads: threads,
      maxThreads: threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
    });
  }

  /** @throws BackendUnavailableError when the backend cannot run here */
  async sampler(name: string, work: KernelWork, backend: string, workers: number): Promise<Sampler> {
    if (!this.#compiled.has(backend))
      this.#compiled.set(backend, await nodeBackends.named(backend).compile());
    const { flops, bytes } = kernelCost(work);
    let calls = 0;
    return {
      name,
      size: workName(work),
      backend,
      workers,
      // A unit is one call in every thread.
      work: { flops: flops * workers, bytes: bytes * workers },
      ...(work.kind === 'gemm' ? {} : { elements: work.rows * LANES * workers }),
      sample: async () => {
        if (calls === 0) [{ calls }] = await this.#run(work, backend, 1, 0);
        const replies = await this.#run(work, backend, workers, calls);
        return { ms: Math.max(...replies.map(({ milliseconds }) => milliseconds)) / calls };
      },
    };
  }

  #run(work: KernelWork, backend: string, size: number, calls: number): Promise<KernelReply[]> {
    const meeting = new Int32Array(new SharedArrayBuffer(4));
    return Promise.all(
      Array.from({ length: size }, (_, rank) =>
        this.#pool.run({
          work,
          backend,
          compiled: this.#compiled.get(backend),
          memory: this.#arena.memory,
          threads: this.#arena.threads,
          base: this.#bases[rank],
          rank,
          size,
          meeting,
          calls,
          milliseconds: this.milliseconds,
        }),
      ),
    );
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
