// A thread that times single kernels: piscina calls the default export. Two threads begin together and are timed each by its own
// clock; the slower one counts.

import { Arena, type ArenaMemory } from '../backend/arena.ts';
import type { Kernels } from '../backend/backend.ts';
import { nodeBackends } from '../platform/node/backends.ts';
import { type KernelWork, prepareKernel } from './kernelWork.ts';

export interface KernelRequest {
  readonly work: KernelWork;
  readonly backend: string;
  readonly compiled: unknown;
  readonly memory: ArenaMemory;
  /** Kernel stacks the arena has. */
  readonly threads: number;
  /** Address of this rank's operands. */
  readonly base: number;
  readonly rank: number;
  readonly size: number;
  /** A word for the threads to meet at, zero before. */
  readonly meeting: Int32Array<SharedArrayBuffer>;
  /** Calls to time, or 0: find out how many take `milliseconds`. */
  readonly calls: number;
  readonly milliseconds: number;
}

export interface KernelReply {
  readonly calls: number;
  readonly milliseconds: number;
}

/** The kernels of a backend and rank, made once a thread: a thread serves one arena while it lives. */
const instances = new Map<string, Kernels>();

function instance(request: KernelRequest, arena: Arena): Kernels {
  const key = `${request.backend} ${request.rank}`;
  let kernels = instances.get(key);
  if (kernels === undefined) {
    kernels = nodeBackends.named(request.backend).create(arena, request.compiled, request.rank);
    instances.set(key, kernels);
  }
  return kernels;
}

function timed(call: () => void, calls: number): number {
  const start = performance.now();
  for (let i = 0; i < calls; i++) call();
  return performance.now() - start;
}

/** As many calls as take about `milliseconds`, at least one. */
function calibrate(call: () => void, milliseconds: number): number {
  for (let calls = 1; ; calls *= 2) {
    const took = timed(call, calls);
    if (took >= milliseconds / 4) return Math.max(1, Math.round((calls * milliseconds) / took));
  }
}

/** Returns when `size` threads are here. They look without sleeping, so that all begin at once. */
function meet(meeting: Int32Array<SharedArrayBuffer>, size: number): void {
  Atomics.add(meeting, 0, 1);
  const deadline = performance.now() + 10_000;
  while (Atomics.load(meeting, 0) < size) {
    if (performance.now() > deadline)
      throw new Error(`bench: expected ${size} threads to begin together, got fewer — run it again`);
  }
}

export default async function timeKernel(request: KernelRequest): Promise<KernelReply> {
  await nodeBackends.load(request.backend, request.compiled);
  const { work, memory, threads, base, size, meeting, calls, milliseconds } = request;
  const arena = new Arena(memory, threads);
  const call = prepareKernel(work, instance(request, arena), arena, base);
  call();
  if (calls === 0) return { calls: calibrate(call, milliseconds), milliseconds: 0 };
  meet(meeting, size);
  return { calls, milliseconds: timed(call, calls) };
}
