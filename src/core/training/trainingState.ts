// Everything a training needs to resume to the same bits, as named row-major tensors: read out of the arena, checked, and put back.
// Where a state is kept is not known here; experiment/checkpoint.ts writes it to a file.

import type { Arena } from '../../backend/arena.ts';
import { CheckpointError } from '../../errors.ts';
import { describeValue, mismatch } from '../../messages.ts';
import { learnedPriors } from '../layerPriors.ts';
import { createLikelihood } from '../likelihoods/index.ts';
import { type LayerLayout, packLayer, unpackLayer } from '../parameters.ts';
import { trainedParameters } from '../posteriors/index.ts';
import { momentNames, type TrainingProblem, totalSteps } from './problem.ts';
import type { TrainingMemory } from './trainingMemory.ts';

export interface StateTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** float64 for point parameters, float32 for all others. */
  readonly data: Float32Array | Float64Array;
}

/** What decides the bits of a training: two trainings of equal origin go through the same states. Plain data. */
export interface TrainingOrigin {
  /** States of epochs 1 and 2 do not say theirs. */
  readonly kernelEpoch?: number;
  readonly problem: TrainingProblem;
  readonly initialRho: number;
  /** Of the standardized rows and targets. */
  readonly dataChecksum: string;
}

/** A training between two steps. */
export interface TrainingState {
  readonly origin: TrainingOrigin;
  /** Steps done; the next one has this number. */
  readonly step: number;
  /** Sum of the step losses of the epoch under way. */
  readonly epochLoss: number;
  /** Seconds the training took until here, whatever the number of its processes. */
  readonly seconds: number;
  /**
   * `layers.N.weight.mu`, `.rho`, the optimizer's `.mu.m`, `.mu.v`, `.rho.m`, `.rho.v`, the same for `bias`, and `likelihood.rawScale`
   * with `.m` and `.v`, and `layers.N.prior.…` where priors learn. Tensors called `extra.…` belong to others and are let pass.
   */
  readonly tensors: readonly StateTensor[];
  /** What others want kept beside it, as JSON; it decides no bit of the parameters. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** Checksum of int32 words: tells other data, or other rows of it, from the right ones; no defense against malice. */
export function checksum(...parts: readonly Int32Array[]): string {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (const words of parts) {
    for (let i = 0; i < words.length; i++) {
      a = Math.imul(a ^ words[i], 0x01000193);
      b = Math.imul((b ^ (b >>> 15)) + words[i], 0x85ebca6b);
    }
    a = Math.imul(a ^ words.length, 0x01000193);
  }
  return [a, b].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

/** Copies of the tensors of a training, point parameters (float64) first. */
export function readStateTensors(
  arena: Arena,
  memory: TrainingMemory,
  problem: TrainingProblem,
): StateTensor[] {
  const buffers = parameterBuffers(arena, memory, problem);
  return [
    ...pointTensors(arena, memory, problem),
    ...learnedTensors(arena, memory, problem),
    ...memory.layout.layers.flatMap((layer) => {
      const parts = buffers.map(({ name, data }) => ({ name, ...unpackLayer(data, layer) }));
      const part = (which: 'weight' | 'bias') =>
        parts.map(
          (buffer): StateTensor => ({
            name: tensorName(layer, which, buffer.name),
            shape: tensorShape(layer, which),
            data: buffer[which],
          }),
        );
      return [...part('weight'), ...part('bias')];
    }),
  ];
}

/**
 * Puts a state's tensors into the arena.
 * @throws CheckpointError naming the tensor that is missing or does not fit
 */
export function writeStateTensors(
  arena: Arena,
  memory: TrainingMemory,
  problem: TrainingProblem,
  tensors: readonly StateTensor[],
): void {
  const take = tensorsByName(tensors, wantedShapes(memory, problem));
  for (const { name, data } of parameterBuffers(arena, memory, problem)) {
    for (const layer of memory.layout.layers) {
      const [weight, bias] = (['weight', 'bias'] as const).map(
        (which) => take(tensorName(layer, which, name)) as Float32Array,
      );
      packLayer(data, layer, weight, bias);
    }
  }
  for (const [p, name] of pointNames(problem).entries()) {
    const K = problem.model.outputSize;
    const values = take(name);
    for (let k = 0; k < K; k++) arena.f64[memory.points / 8 + 3 * k + p] = values[k];
  }
  for (const [n, name] of learnedNames(problem).entries()) arena.f64[memory.learned / 8 + n] = take(name)[0];
}

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    // A BigInt, a circle, a getter that throws.
    return false;
  }
}

/** @throws TypeError for what is no state of a training, whatever it is a state of */
export function checkStateShape(where: string, given: unknown): void {
  const state = (typeof given === 'object' && given !== null ? given : {}) as Partial<TrainingState>;
  const isMap = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
  const isTensor = ({ name, shape, data }: Partial<StateTensor>) =>
    typeof name === 'string' &&
    Array.isArray(shape) &&
    Array.from(shape).every(Number.isSafeInteger) &&
    (data instanceof Float32Array || data instanceof Float64Array) &&
    data.length === shape.reduce((product, size) => product * size, 1);
  const fits: Record<keyof TrainingState, boolean> = {
    origin: isMap(state.origin) && isMap(state.origin?.problem) && isJson(state.origin),
    step: typeof state.step === 'number',
    epochLoss: typeof state.epochLoss === 'number',
    seconds: typeof state.seconds === 'number',
    tensors:
      Array.isArray(state.tensors) &&
      Array.from(state.tensors).every((tensor) => isMap(tensor) && isTensor(tensor)),
    extra: isMap(state.extra) && isJson(state.extra),
  };
  const bad = (Object.keys(fits) as (keyof TrainingState)[]).find((field) => !fits[field]);
  if (bad === undefined) return;
  const got = state === given ? `${describeValue(state[bad])} as its ${bad}` : describeValue(given);
  throw new TypeError(
    `${where}: expected the state of a training, got ${got} — pass what checkpoint.save was given, or readCheckpoint(path).state`,
  );
}

/**
 * Checks that a state belongs to the training that resumes from it.
 * @throws CheckpointError naming the first thing that differs
 */
export function checkState(state: TrainingState, origin: TrainingOrigin): void {
  if (state.origin.kernelEpoch !== origin.kernelEpoch) {
    const { kernelEpoch } = state.origin;
    const was = `one of ${kernelEpoch === undefined ? '2 or earlier' : shown(kernelEpoch)}`;
    const next = 'finish it with the varpool that saved it, or train anew';
    fail(`a state of kernel epoch ${origin.kernelEpoch}`, was, next);
  }
  const difference = firstDifference(state.origin, origin, '');
  if (difference !== null) {
    const { path, was, is } = difference;
    const next = path === 'dataChecksum' ? 'give it the same rows' : 'give the options it was saved with';
    const what = path === 'dataChecksum' ? 'the data' : path.replace(/^problem\./, '');
    fail(`a state with ${what} ${is}`, was, next);
  }
  const steps = totalSteps(origin.problem);
  if (!Number.isSafeInteger(state.step) || state.step < 0 || state.step > steps)
    fail(`a step from 0 to ${steps}`, String(state.step), 'the state is damaged');
  if (!Number.isFinite(state.epochLoss))
    fail('a finite epochLoss', String(state.epochLoss), 'the state is damaged');
}

function parameterBuffers(arena: Arena, memory: TrainingMemory, problem: TrainingProblem) {
  const { size } = memory.layout;
  return [
    ...trainedParameters(problem.family).map((name) => ({
      name,
      data: arena.floats(memory[name], size),
    })),
    ...momentNames(problem).map((name, m) => ({ name, data: arena.floats(memory.moments[m], size) })),
  ];
}

function tensorName(layer: LayerLayout, which: 'weight' | 'bias', buffer: string): string {
  return `layers.${layer.index}.${which}.${buffer}`;
}

function tensorShape({ weightShape, O }: LayerLayout, which: 'weight' | 'bias'): readonly number[] {
  return which === 'weight' ? weightShape : [O];
}

/** Names of the point parameters in the order they stand in the arena, K times over. */
function pointNames({ likelihood }: TrainingProblem): readonly string[] {
  if (createLikelihood(likelihood).scale === null) return [];
  return ['', '.m', '.v'].map((part) => `likelihood.rawScale${part}`);
}

function pointTensors(arena: Arena, memory: TrainingMemory, problem: TrainingProblem): StateTensor[] {
  const K = problem.model.outputSize;
  return pointNames(problem).map((name, p) => ({
    name,
    shape: [K],
    data: Float64Array.from({ length: K }, (_, k) => arena.f64[memory.points / 8 + 3 * k + p]),
  }));
}

/** Names of what priors have learned in the order it stands in the arena. */
function learnedNames({ model }: TrainingProblem): readonly string[] {
  return learnedPriors(model).flatMap((learned, l) =>
    (learned?.names ?? []).map((name) => `layers.${l}.prior.${name}`),
  );
}

function learnedTensors(arena: Arena, memory: TrainingMemory, problem: TrainingProblem): StateTensor[] {
  return learnedNames(problem).map((name, n) => ({
    name,
    shape: [1],
    data: Float64Array.of(arena.f64[memory.learned / 8 + n]),
  }));
}

function wantedShapes(memory: TrainingMemory, problem: TrainingProblem): Map<string, StateTensor['shape']> {
  const shapes = new Map<string, StateTensor['shape']>();
  for (const name of pointNames(problem)) shapes.set(name, [problem.model.outputSize]);
  for (const name of learnedNames(problem)) shapes.set(name, [1]);
  const buffers = [...trainedParameters(problem.family), ...momentNames(problem)];
  for (const layer of memory.layout.layers) {
    for (const which of ['weight', 'bias'] as const)
      for (const buffer of buffers) shapes.set(tensorName(layer, which, buffer), tensorShape(layer, which));
  }
  return shapes;
}

/** A way to take tensors by name, once all of them, and no others, are known to be there in the right shape with finite numbers. */
function tensorsByName(
  tensors: readonly StateTensor[],
  wanted: ReadonlyMap<string, StateTensor['shape']>,
): (name: string) => StateTensor['data'] {
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const [name, shape] of wanted) {
    const tensor = found.get(name);
    if (tensor === undefined) fail(`a tensor ${name}`, 'none', 'is it a state of another model?');
    const size = shape.reduce((product, length) => product * length, 1);
    if (tensor.shape.join() !== shape.join() || tensor.data.length !== size)
      fail(
        `${name} of shape [${shape.join(', ')}]`,
        `[${tensor.shape.join(', ')}]`,
        'is it a state of another model?',
      );
    const type = /^likelihood\.|^layers\.\d+\.prior\./.test(name) ? Float64Array : Float32Array;
    if (!(tensor.data instanceof type))
      fail(`${name} as ${type.name}`, tensor.data.constructor.name, 'do not convert it');
    const bad = tensor.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) fail(`finite numbers in ${name}`, `${tensor.data[bad]} at ${bad}`, 'the state is damaged');
  }
  const stray = tensors.find(({ name }) => !wanted.has(name) && !name.startsWith('extra.'));
  if (stray !== undefined)
    fail('only tensors of this training', stray.name, 'is it a state of another model or optimizer?');
  return (name) => (found.get(name) as StateTensor).data;
}

interface Difference {
  readonly path: string;
  readonly was: string;
  readonly is: string;
}

/** First place where two pieces of plain data differ; what is undefined counts as absent. */
function firstDifference(was: unknown, is: unknown, path: string): Difference | null {
  const both = [was, is].map((value) => typeof value === 'object' && value !== null);
  if (both[0] && both[1]) {
    const [a, b] = [was, is] as Record<string, unknown>[];
    for (const key of new Set([...Object.keys(b), ...Object.keys(a)])) {
      const found = firstDifference(a[key], b[key], path === '' ? key : `${path}.${key}`);
      if (found !== null) return found;
    }
    return null;
  }
  return was === is ? null : { path, was: shown(was), is: shown(is) };
}

function shown(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value).slice(0, 80);
}

function fail(expected: string, got: string, next: string): never {
  throw new CheckpointError(mismatch('resume', expected, got, next));
}
