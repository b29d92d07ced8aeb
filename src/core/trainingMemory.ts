// The address book of a training: which region of the arena holds what. A pure function of the problem, so every thread
// works out the same addresses; all addresses are bytes.

import { ArenaLayout } from '../backend/arena.ts';
import { LANES } from '../backend/backend.ts';
import { createLikelihood } from './likelihoods/likelihood.ts';
import { createOptimizer } from './optimizers/optimizer.ts';
import { type ParameterLayout, parameterLayout } from './parameters.ts';
import type { TrainingProblem } from './problem.ts';

/** Step records kept for the main thread to read after a stretch of steps. */
export const STEP_RECORDS = 16_384;
/** Epoch records kept likewise. */
export const EPOCH_RECORDS = 4_096;
/** int32 words from one thread's place in the queue of blocks to the next: a cache line. */
export const QUEUE_WORDS = 16;
/** int32 words of the control region; workers/protocol.ts says what each means. */
export const CONTROL_WORDS = 64;

/** Batch-panel buffers of one layer, per draw: [16 rows of data] panels, `O` rows each. */
export interface ActivationRegion {
  /** Layer outputs f(z), draws × panels × O × 16 floats. */
  readonly y: number;
  /** f′(z), same size (unused where f is the identity). */
  readonly derivative: number;
  /** d(loss)/dz, same size. */
  readonly delta: number;
  /** d(loss)/dz transposed: draws × panels of 16 outputs × batch rows × 16 floats. */
  readonly deltaT: number;
  /** Bytes from one draw to the next in y, derivative and delta. */
  readonly drawBytes: number;
  /** The same in deltaT. */
  readonly drawBytesT: number;
}

export interface TrainingMemory {
  readonly layout: ParameterLayout;
  readonly arena: ArenaLayout;
  readonly control: number;
  /** Float64 mean loss of each step, at step mod STEP_RECORDS. */
  readonly stepLoss: number;
  /** Float64 KL at the end of each epoch, at epoch mod EPOCH_RECORDS. */
  readonly epochKl: number;
  /** float32 KL of each block. */
  readonly blockKl: number;
  /** Everything that a step changes and the next one needs: mu, rho, moments, point parameters. One contiguous range. */
  readonly state: { readonly offset: number; readonly bytes: number };
  readonly mu: number;
  readonly rho: number;
  readonly moments: readonly number[];
  /** Float64 per output: raw noise scale, first and second moment (gaussian likelihood). */
  readonly points: number;
  readonly inverseScale: number;
  readonly logScale: number;
  /** Weight draws, and the noise they were made with: draws × P floats. */
  readonly w: number;
  readonly noise: number;
  /** Row-major features [N, I]; targets int32 [N] or float32 [N, K]. */
  readonly x: number;
  readonly targets: number;
  /** int32 [2][N]: row order of the epochs of even and of odd number. */
  readonly order: number;
  /** Minibatch of even and of odd steps: features [I, B] and targets in panels. */
  readonly batchX: number;
  readonly batchXBytes: number;
  readonly batchTargets: number;
  readonly batchTargetsBytes: number;
  readonly activations: readonly ActivationRegion[];
  /** float32 [S][panels × 16] loss of each row. */
  readonly rowLoss: number;
  /** float32 [S][panels][K][16]: d(loss)/d(noise scale). */
  readonly scaleGradient: number;
  readonly scaleGradientBytes: number;
  /** int32 per thread, a cache line each: the next block of its share that nobody has taken (workers/blockQueue.ts). */
  readonly queue: number;
  /** Per thread: step scalars and three gradient buffers of a block. */
  readonly threads: ReadonlyArray<{
    readonly scalars: number;
    readonly dW: number;
    readonly gMu: number;
    readonly gRho: number;
    readonly scratch: number;
  }>;
  /** 16-row panels of a full minibatch. */
  readonly batchPanels: number;
}

/** @param threads how many threads may compute in the arena at once */
export function trainingMemory(problem: TrainingProblem, threads: number): TrainingMemory {
  const layout = parameterLayout(problem.model);
  const likelihood = createLikelihood(problem.likelihood);
  const { slots } = createOptimizer(problem.optimizer);
  const arena = new ArenaLayout(threads);
  const S = problem.draws;
  const N = problem.rowCount;
  const I = problem.model.inputSize;
  const K = problem.model.outputSize;
  const P = layout.size;
  const batchPanels = Math.ceil(problem.batchSize / LANES);
  const floats = (name: string, count: number) => arena.reserve(name, count * 4);

  const control = arena.reserve('control', CONTROL_WORDS * 4);
  const queue = arena.reserve('queue', threads * QUEUE_WORDS * 4);
  const stepLoss = arena.reserve('stepLoss', STEP_RECORDS * 8);
  const epochKl = arena.reserve('epochKl', EPOCH_RECORDS * 8);
  const blockKl = floats('blockKl', layout.blocks.length * LANES);

  const mu = floats('mu', P);
  const rho = floats('rho', P);
  const moments = Array.from({ length: slots }, (_, m) => floats(`moment${m}`, P));
  const points = arena.reserve('points', K * 3 * 8);
  const state = { offset: mu, bytes: points + K * 3 * 8 - mu };
  const inverseScale = floats('inverseScale', K);
  const logScale = floats('logScale', K);

  const w = floats('w', S * P);
  const noise = floats('noise', S * P);
  const x = floats('x', N * I);
  const targetColumns = likelihood.targets === 'labels' ? 1 : K;
  const targets = floats('targets', N * targetColumns);
  const order = floats('order', 2 * N);
  const batchXBytes = batchPanels * I * LANES * 4;
  const batchX = arena.reserve('batchX', 2 * batchXBytes);
  const batchTargetsBytes = batchPanels * targetColumns * LANES * 4;
  const batchTargets = arena.reserve('batchTargets', 2 * batchTargetsBytes);

  const activations = layout.layers.map((layer): ActivationRegion => {
    const drawBytes = batchPanels * layer.O * LANES * 4;
    const drawBytesT = layer.panels * batchPanels * LANES * LANES * 4;
    const name = `layers.${layer.index}`;
    return {
      y: arena.reserve(`${name}.y`, S * drawBytes),
      derivative: arena.reserve(`${name}.derivative`, S * drawBytes),
      delta: arena.reserve(`${name}.delta`, S * drawBytes),
      deltaT: arena.reserve(`${name}.deltaT`, S * drawBytesT),
      drawBytes,
      drawBytesT,
    };
  });
  const rowLoss = floats('rowLoss', S * batchPanels * LANES);
  const scaleGradientBytes = likelihood.learnsScale ? batchPanels * K * LANES * 4 : 0;
  const scaleGradient = likelihood.learnsScale ? arena.reserve('scaleGradient', S * scaleGradientBytes) : 0;

  const blockFloats = Math.max(...layout.blocks.map((block) => block.rows)) * LANES;
  const perThread = Array.from({ length: threads }, (_, t) => ({
    scalars: floats(`thread${t}.scalars`, LANES),
    dW: floats(`thread${t}.dW`, blockFloats),
    gMu: floats(`thread${t}.gMu`, blockFloats),
    gRho: floats(`thread${t}.gRho`, blockFloats),
    scratch: floats(`thread${t}.scratch`, LANES),
  }));

  return {
    layout,
    arena,
    control,
    queue,
    stepLoss,
    epochKl,
    blockKl,
    state,
    mu,
    rho,
    moments,
    points,
    inverseScale,
    logScale,
    w,
    noise,
    x,
    targets,
    order,
    batchX,
    batchXBytes,
    batchTargets,
    batchTargetsBytes,
    activations,
    rowLoss,
    scaleGradient,
    scaleGradientBytes,
    threads: perThread,
    batchPanels,
  };
}
