// The project's own measurements: which kernels, steps and draws at which sizes, measured in turn in one run and set against the
// machine's limits found in the same run.

import { type Beside, watchBeside } from './beside.node.ts';
import { KernelBench } from './kernelBench.ts';
import type { GemmWork, KernelWork, RowsWork } from './kernelWork.ts';
import { NetworkBench, type StepDetail } from './networkBench.ts';
import { NETWORKS, type Network, parameterCount } from './networks.ts';
import { type Peak, peaks, rate, rooflineMs } from './roofline.ts';
import { type Measurement, measureInTurn, type Sampler } from './rounds.ts';
import type { Spread } from './statistics.ts';

export const BENCH_NAMES = ['gemm', 'normals', 'perturb', 'optimizer', 'stream', 'step', 'draw'] as const;
export type BenchName = (typeof BENCH_NAMES)[number];

export interface BenchOptions {
  readonly names: readonly BenchName[];
  readonly backends: readonly string[];
  /** Numbers of threads, each measured. */
  readonly workers: readonly number[];
  readonly networks: readonly Network[];
  readonly rounds: number;
  /** Milliseconds that one sample of a kernel and one of a network aim at. */
  readonly milliseconds: { readonly kernel: number; readonly network: number };
  /** Bytes that all threads together go through to measure memory. */
  readonly streamBytes: number;
  readonly onRound?: (round: number) => void;
}

/** Everything measured, at full length. */
export const FULL: Pick<BenchOptions, 'networks' | 'rounds' | 'milliseconds' | 'streamBytes'> = {
  networks: NETWORKS,
  rounds: 7,
  milliseconds: { kernel: 15, network: 250 },
  // About what a step of the largest network goes through.
  streamBytes: 96 << 20,
};

/** The same at sizes that take seconds: whether it works, not how fast. */
export const TINY: typeof FULL = {
  networks: [{ sizes: [3, 20, 1], batchSize: 16, batches: 4 }],
  rounds: 2,
  milliseconds: { kernel: 1, network: 4 },
  streamBytes: 1 << 20,
};

export interface BenchRow {
  readonly name: BenchName;
  readonly size: string;
  readonly backend: string;
  readonly workers: number;
  readonly ms: Spread;
  /** Nanoseconds of an element, for elementwise kernels; all threads together. */
  readonly nsPerElement: number | null;
  readonly gflops: number;
  readonly gbs: number;
  /** Least time by the roofline of this backend and number of threads, and how many times that it took. */
  readonly rooflineMs: number;
  readonly distance: number;
  /** Medians of a step's phases in ms per step, and workers that took part. */
  readonly step: StepDetail | null;
}

export interface BenchResult {
  readonly rows: readonly BenchRow[];
  readonly peaks: readonly Peak[];
  readonly beside: Beside;
}

const gemm = (m: number, n: number, k: number, transposeA: boolean): GemmWork => {
  return { kind: 'gemm', m, n, k, transposeA };
};

/** Products whose operands stay in a private cache, and the classic one: the best of these is a backend's peak. */
export const SWEEP: readonly GemmWork[] = [false, true].flatMap((transposeA) => [
  gemm(128, 128, 128, transposeA),
  gemm(128, 128, 256, transposeA),
  gemm(256, 256, 256, transposeA),
  gemm(512, 512, 512, transposeA),
]);

/** The products of a network's widest layer: forward, input gradient, and the weight gradient of a block. */
function productsOf({ sizes, batchSize }: Network): GemmWork[] {
  const [I, O] = [sizes[0], sizes[1]];
  return [
    gemm(O, batchSize, I, true),
    gemm(I, batchSize, O, false),
    gemm(Math.min(I, 256), 16, batchSize, false),
  ];
}

const elementwise = (kind: RowsWork['kind'], elements: number): RowsWork => {
  return { kind, rows: Math.ceil(elements / 16) };
};

/** Arrays of this many bytes, divided among the threads. */
export function streams(bytes: number, workers: number): RowsWork[] {
  return [elementwise('multiply', bytes / 8 / workers), elementwise('copy', bytes / 8 / workers)];
}

interface Plan {
  readonly name: BenchName;
  readonly work: KernelWork;
  readonly workers: number;
}

/** Sizes that differ: networks share layers. */
function unique<T>(works: readonly T[]): T[] {
  return [...new Map(works.map((work) => [JSON.stringify(work), work])).values()];
}

function kernelPlan({ names, networks, workers, streamBytes }: BenchOptions): Plan[] {
  // Products and memory are always measured: the rest is compared with them.
  const products = names.includes('gemm') ? [...SWEEP, ...networks.flatMap(productsOf)] : SWEEP;
  const kinds = (['normals', 'perturb', 'optimizer'] as const).filter((kind) => names.includes(kind));
  const rows = kinds.flatMap((kind) =>
    networks.map((network) => ({ name: kind, work: elementwise(kind, parameterCount(network)) })),
  );
  return workers.flatMap((threads) => [
    ...unique(products).map((work) => ({ name: 'gemm' as const, work, workers: threads })),
    ...unique(rows).map(({ name, work }) => ({ name, work, workers: threads })),
    ...streams(streamBytes, threads).map((work) => ({ name: 'stream' as const, work, workers: threads })),
  ]);
}

/**
 * Measures; nothing else should run meanwhile, and what did is in the result.
 * @throws BackendUnavailableError for a backend that cannot run here, RangeError when there is no memory for it
 */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  const { names, backends, workers, networks, milliseconds } = options;
  const plan = kernelPlan(options);
  const kernels = new KernelBench(
    Math.max(...workers),
    milliseconds.kernel,
    plan.map(({ work }) => work),
  );
  const whole = new NetworkBench(milliseconds.network);
  try {
    const samplers: Sampler<unknown>[] = [];
    for (const { name, work, workers: threads } of plan) {
      for (const backend of backends) samplers.push(await kernels.sampler(name, work, backend, threads));
    }
    for (const network of networks) {
      for (const threads of workers) {
        for (const backend of backends) {
          if (names.includes('step')) samplers.push(whole.step(network, backend, threads));
          if (names.includes('draw')) samplers.push(whole.draw(network, backend, threads));
        }
      }
    }
    const beside = watchBeside();
    const measured = await measureInTurn(samplers, options.rounds, options.onRound);
    return summarize(measured, beside(), names);
  } finally {
    await Promise.all([kernels.close(), whole.close()]);
  }
}

function summarize(
  measured: readonly Measurement[],
  beside: Beside,
  names: readonly BenchName[],
): BenchResult {
  const of = (name: BenchName) => measured.filter(({ sampler }) => sampler.name === name);
  const found = peaks(of('gemm'), of('stream'));
  const rows = names.flatMap((name) => {
    const sizes = [...new Set(of(name).map(({ sampler }) => sampler.size))];
    return sizes.flatMap((size) =>
      of(name)
        .filter(({ sampler }) => sampler.size === size)
        .map((measurement) => benchRow(name, measurement, found)),
    );
  });
  return { rows, peaks: found, beside };
}

function benchRow(name: BenchName, { sampler, ms, details }: Measurement, found: readonly Peak[]): BenchRow {
  const { size, backend, workers, work, elements } = sampler;
  const steps = details as StepDetail[];
  // What a small network's team leaves idle is no limit of its own.
  const threads = Math.min(workers, steps[0]?.team ?? workers);
  const peak = found.find((each) => each.backend === backend && each.workers === threads)!;
  const least = name === 'gemm' ? work.flops / (peak.gflops * 1e6) : rooflineMs(work, peak);
  return {
    name,
    size,
    backend,
    workers,
    ms,
    nsPerElement: elements === undefined ? null : (ms.median * 1e6) / elements,
    gflops: rate(work.flops, ms.median),
    gbs: rate(work.bytes, ms.median),
    rooflineMs: least,
    distance: ms.median / least,
    step: steps.length === 0 ? null : medianDetail(steps),
  };
}

function medianDetail(details: readonly StepDetail[]): StepDetail {
  const median = (pick: (detail: StepDetail) => number) =>
    details.map(pick).sort((a, b) => a - b)[details.length >> 1];
  return {
    pass: median(({ pass }) => pass),
    finish: median(({ finish }) => finish),
    wait: median(({ wait }) => wait),
    call: median(({ call }) => call),
    team: details[0].team,
  };
}
