// The address book of a training: which region of the arena holds what. A pure function of the problem, so every thread
// works out the same addresses; all addresses are bytes.

import { ArenaLayout } from '../../backend/arena.ts';
import { LANES } from '../../backend/backend.ts';
import { layerPriors, learnedCount } from '../layerPriors.ts';
import { createLikelihood } from '../likelihoods/index.ts';
import { targetColumns as targetColumnsOf } from '../likelihoods/sizes.ts';
import { type ParameterLayout, parameterLayout } from '../parameters.ts';
import { createFamily, trainedParameters } from '../posteriors/index.ts';
import type { ActivationRegion, BatchMemory } from './batchPlaces.ts';
import { estimatorOf, momentNames, type TrainingProblem } from './problem.ts';

/** Step records kept for the main thread to read after a stretch of steps. */
export const STEP_RECORDS = 16_384;
/** Epoch records kept likewise. */
export const EPOCH_RECORDS = 4_096;
/** int32 words from one thread's place in the queue of blocks to the next: a cache line. */
export const QUEUE_WORDS = 16;
/** int32 words for lists of calls: a step of 13-50-1 has 30 calls and 330 words, and there are four to six lists. */
export const LIST_WORDS = 16_384;
/** int32 words of the control region; workers/protocol.ts says what each means. */
export const CONTROL_WORDS = 64;

export interface TrainingMemory extends BatchMemory {
  readonly layout: ParameterLayout;
  readonly arena: ArenaLayout;
  readonly control: number;
  /** Float64 mean loss of each step, at step mod STEP_RECORDS. */
  readonly stepLoss: number;
  /** Float64 KL at the end of each epoch, at epoch mod EPOCH_RECORDS. */
  readonly epochKl: number;
  /** float32 KL of each block. */
  readonly blockKl: number;
  /** Everything that a step changes and the next one needs: mu, rho, moments, point parameters, learned priors. One contiguous range. */
  readonly state: { readonly offset: number; readonly bytes: number };
  readonly mu: number;
  readonly rho: number;
  readonly moments: readonly number[];
  /** Float64 per output: raw noise scale, first and second moment. */
  readonly points: number;
  /** Float64: what learned priors have come to, layer by layer; and by block, 16 floats each, what it adds to their sums. */
  readonly learned: number;
  readonly priorTally: number;
  /** Gradients of all parameters and, 16 floats a block, sums of their squares; 0 where no gradient is clipped. */
  readonly clip: { readonly gMu: number; readonly gSigma: number; readonly squares: number };
  readonly inverseScale: number;
  readonly logScale: number;
  /** What the estimator keeps. */
  readonly estimator: unknown;
  /** Row-major features [N, I]; targets int32 [N] or float32 [N, K]. */
  readonly x: number;
  readonly targets: number;
  /** float32 [N], of mean 1; 0 where rows have no weights. */
  readonly weights: number;
  /** int32 [2][N]: row order of the epochs of even and of odd number. */
  readonly order: number;
  /** float32 [S][panels × 16] loss of each row. */
  readonly rowLoss: number;
  /** float32 [S][panels][K][16]: d(loss)/d(noise scale). */
  readonly scaleGradient: number;
  readonly scaleGradientBytes: number;
  /** int32 per thread, a cache line each: the next block of its share that is still free (workers/blockQueue.ts). */
  readonly queue: number;
  /** Per thread: a step's scalars, 16 floats for each different prior, and three gradient buffers of a block. */
  readonly threads: ReadonlyArray<{
    readonly scalars: number;
    readonly dW: number;
    readonly gMu: number;
    readonly gSigma: number;
    /** float32 [S]: loss of all rows in a draw. */
    readonly lossSums: number;
  }>;
  /** Lists of a thread that trains alone (stepLists.ts), LIST_WORDS int32 words. */
  readonly lists: number;
}

/** @param threads how many threads may compute in the arena at once */
export function trainingMemory(problem: TrainingProblem, threads: number): TrainingMemory {
  const layout = parameterLayout(problem.model);
  const { priors, drawsWeights } = layerPriors(problem.model);
  const likelihood = createLikelihood(problem.likelihood);
  const { means } = createFamily(problem.family);
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
  const rho = floats('rho', trainedParameters(problem.family).includes('rho') ? P : 0);
  const moments = momentNames(problem).map((name) => floats(`moment ${name}`, P));
  const points = arena.reserve('points', K * 3 * 8);
  const learnedFloats = learnedCount(problem.model);
  const learned = learnedFloats === 0 ? 0 : arena.reserve('learned', learnedFloats * 8);
  const end = learnedFloats === 0 ? points + K * 3 * 8 : learned + learnedFloats * 8;
  const state = { offset: mu, bytes: end - mu };
  const priorTally = learnedFloats === 0 ? 0 : floats('priorTally', layout.blocks.length * LANES);
  const clips = (name: string, count: number) =>
    problem.gradientClip === undefined ? 0 : floats(name, count);
  const clip = {
    gMu: clips('clip.gMu', P),
    gSigma: clips('clip.gSigma', P),
    squares: clips('clip.squares', layout.blocks.length * LANES),
  };
  const inverseScale = floats('inverseScale', K);
  const logScale = floats('logScale', K);

  const estimator = estimatorOf(problem).reserve(
    { layout, draws: S, batchPanels, drawsWeights: means === null && drawsWeights },
    floats,
  );
  const x = floats('x', N * I);
  const targetColumns = targetColumnsOf(problem);
  const targets = floats('targets', N * targetColumns);
  const isWeighted = problem.totalWeight !== undefined;
  const weights = isWeighted ? floats('weights', N) : 0;
  const order = floats('order', 2 * N);
  const batchXBytes = batchPanels * I * LANES * 4;
  const batchX = arena.reserve('batchX', 2 * batchXBytes);
  const batchTargetsBytes = batchPanels * targetColumns * LANES * 4;
  const batchTargets = arena.reserve('batchTargets', 2 * batchTargetsBytes);

  const batchWeightsBytes = isWeighted ? batchPanels * LANES * 4 : 0;
  const batchWeights = isWeighted ? arena.reserve('batchWeights', 2 * batchWeightsBytes) : 0;

  const activations = layout.layers.map((layer): ActivationRegion => {
    const drawBytes = batchPanels * layer.units * LANES * 4;
    const drawBytesT = layer.deltaPanels * batchPanels * LANES * LANES * 4;
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
  const scaleGradientBytes = likelihood.scale === 'learned' ? batchPanels * K * LANES * 4 : 0;
  const scaleGradient =
    likelihood.scale === 'learned' ? arena.reserve('scaleGradient', S * scaleGradientBytes) : 0;

  // Large networks have more blocks than a call may have arguments.
  const blockFloats = layout.blocks.reduce((most, block) => Math.max(most, block.rows), 0) * LANES;
  const perThread = Array.from({ length: threads }, (_, t) => ({
    scalars: floats(`thread${t}.scalars`, priors.length * LANES),
    dW: floats(`thread${t}.dW`, blockFloats),
    gMu: floats(`thread${t}.gMu`, blockFloats),
    gSigma: floats(`thread${t}.gSigma`, blockFloats),
    lossSums: floats(`thread${t}.lossSums`, S),
  }));
  const lists = floats('lists', LIST_WORDS);

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
    learned,
    priorTally,
    clip,
    inverseScale,
    logScale,
    estimator,
    x,
    targets,
    weights,
    order,
    batchX,
    batchXBytes,
    batchTargets,
    batchTargetsBytes,
    batchWeights,
    batchWeightsBytes,
    activations,
    rowLoss,
    scaleGradient,
    scaleGradientBytes,
    threads: perThread,
    lists,
    batchPanels,
  };
}
