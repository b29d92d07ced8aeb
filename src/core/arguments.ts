// Models and posteriors as a caller hands them over: checked once, before anything is computed with them. They are plain data, so they
// may have been written by hand, read from JSON or had their memory transferred away.

import { ACTIVATIONS } from '../backend/backend.ts';
import { KERNEL_EPOCH } from '../backend/kernelEpoch.ts';
import { columnsProblem, tableColumnsSchema } from '../columns/record.ts';
import { builtinName, describeValue, listed, mismatch } from '../messages.ts';
import { checkOptions } from '../options/check.ts';
import { section } from '../options/fields.ts';
import { oneOfKind } from '../options/kinds.ts';
import { learnedPriors } from './layerPriors.ts';
import { LAYERS, type LayerSpec, layerKind, layerShape } from './layers/index.ts';
import { createLikelihood, LIKELIHOODS } from './likelihoods/index.ts';
import { outputsProblem, predictedColumns } from './likelihoods/sizes.ts';
import { MAX_LAYERS, MAX_MEMBERS, MAX_PARAMETERS, MAX_UNITS } from './limits.ts';
import { isDetached } from './matrix.ts';
import type { Model } from './model.ts';
import { parameterLayout } from './parameters.ts';
import type { AnyPosterior, Posterior, Standardization } from './posterior.ts';
import { createFamily, POSTERIORS } from './posteriors/index.ts';
import { PRIORS } from './priors/index.ts';

/** @throws TypeError or RangeError that names what is wrong */
function fail(where: string, expected: string, got: string, next: string, Mistake = TypeError): never {
  throw new Mistake(mismatch(where, expected, got, next));
}

const modelPrior = section({ prior: oneOfKind(PRIORS, 'Prior of every weight and bias.') });

const likelihoodOf = section({ likelihood: oneOfKind(LIKELIHOODS, 'Likelihood.') });

const familyOf = section({ family: oneOfKind(POSTERIORS, 'Posterior family.').optional() });

const MODEL_NEXT = 'make one with build or toModel';

/**
 * A copy of a model whose sizes fit together.
 * @throws TypeError for what is no model, RangeError for one that is too large
 */
export function checkModel(where: string, given: unknown): Model {
  const at = `${where}: model`;
  if (!isPlain(given)) fail(where, 'a model', describeValue(given), nextFor(given, MODEL_NEXT));
  if ('members' in given || ('model' in given && 'seed' in given))
    fail(where, 'a model', 'a posterior', 'pass its model, or predict from it');
  if ('units' in given && 'layers' in given && !('inputSize' in given))
    fail(where, 'a model', 'a node', 'pass toModel(node)');
  const { inputSize, outputSize, layers, prior } = given as Partial<Model>;
  const width = unitsOf(at, 'inputSize', inputSize);
  if (!Array.isArray(layers) || layers.length === 0)
    fail(`${at}.layers`, 'a list of at least one layer', describeValue(layers), MODEL_NEXT);
  if (layers.length > MAX_LAYERS) {
    const expected = `at most ${MAX_LAYERS} layers`;
    fail(`${at}.layers`, expected, `${layers.length}`, 'use fewer layers', RangeError);
  }
  const widths = [width];
  const copies = Array.from(layers, (layer: unknown, l) => {
    const copy = checkLayer(`${at}.layers[${l}]`, layer, widths);
    widths.push(copy.outputSize);
    return copy;
  });
  const last = copies[copies.length - 1].outputSize;
  if (outputSize !== last)
    fail(`${at}.outputSize`, `${last} like its last layer`, describeValue(outputSize), MODEL_NEXT);
  const checkedPrior = checkOptions(at, modelPrior, { prior }).prior;
  const size = copies.reduce((sum, layer) => sum + paddedParameters(layer), 0);
  if (size > MAX_PARAMETERS) {
    const expected = `at most ${MAX_PARAMETERS} weights and biases`;
    fail(at, expected, `${size}`, 'use fewer or smaller layers', RangeError);
  }
  return { inputSize: width, outputSize: last, layers: copies, prior: checkedPrior };
}

/** Numbers of a layer in one parameter buffer, as core/parameters.ts lays them out: known before anything is laid out. */
function paddedParameters(layer: LayerSpec): number {
  const { I, O } = layerShape(layer);
  return O === 0 ? 0 : Math.ceil(O / 16) * 16 * Math.ceil((I + 1) / 4) * 4;
}

/** @param widths of the network's input and of each layer before */
function checkLayer(where: string, given: unknown, widths: readonly number[]): LayerSpec {
  if (!isPlain(given)) fail(where, 'a layer', describeValue(given), MODEL_NEXT);
  const { kind = 'dense', name, inputs, activation, inputSize, outputSize } = given as Partial<LayerSpec>;
  if (typeof kind !== 'string' || !Object.hasOwn(LAYERS, kind))
    fail(`${where}.kind`, listed(Object.keys(LAYERS)), describeValue(kind), MODEL_NEXT);
  if (typeof name !== 'string' || name === '')
    fail(`${where}.name`, 'a name', describeValue(name), MODEL_NEXT);
  if (!ACTIVATIONS.includes(activation as never))
    fail(`${where}.activation`, listed(ACTIVATIONS), describeValue(activation), 'use one of these');
  const size = unitsOf(where, 'inputSize', inputSize);
  unitsOf(where, 'outputSize', outputSize);
  const sources = inputs ?? [widths.length - 2];
  if (!Array.isArray(sources) || sources.length === 0)
    fail(`${where}.inputs`, 'a list of layers', describeValue(sources), MODEL_NEXT);
  const sums = layerKind({ kind }).weightless !== undefined;
  if (sums ? sources.length < 2 : sources.length !== 1) {
    const expected = sums ? 'two or more layers' : 'one layer';
    fail(`${where}.inputs`, expected, `${sources.length}`, MODEL_NEXT);
  }
  for (const source of sources) {
    const width = Number.isInteger(source) ? widths[source + 1] : undefined;
    if (width === undefined)
      fail(`${where}.inputs`, 'numbers of layers before, or -1', describeValue(source), MODEL_NEXT);
    if (width !== size)
      fail(`${where}.inputSize`, `${width} like the width before it`, describeValue(size), MODEL_NEXT);
  }
  if (given.prior !== undefined) checkOptions(where, modelPrior, { prior: given.prior });
  return { ...(given as unknown as LayerSpec) };
}

function unitsOf(where: string, name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MAX_UNITS)
    return value as number;
  return fail(`${where}.${name}`, `a whole number from 1 to ${MAX_UNITS}`, describeValue(value), MODEL_NEXT);
}

const POSTERIOR_NEXT = 'pass what train or load gave';

/** Posteriors whose numbers were looked at; their sizes are looked at each time, for memory may be transferred away. */
const seen = new WeakSet<object>();

/**
 * Members of a posterior or an ensemble of which every size and number has been looked at.
 * @throws TypeError for what is no posterior or has tensors of other sizes, RangeError for numbers that are not finite
 */
export function checkPosterior(where: string, given: unknown): AnyPosterior {
  if (!isPlain(given)) fail(where, 'a posterior', describeValue(given), nextFor(given, POSTERIOR_NEXT));
  if (!('members' in given)) return checkMember(where, given);
  const { members, model, likelihood } = given as Record<string, unknown>;
  if (!Array.isArray(members) || members.length === 0 || members.length > MAX_MEMBERS) {
    const expected = `a list of 1 to ${MAX_MEMBERS} posteriors`;
    fail(`${where}: members`, expected, describeValue(members), 'make an ensemble with ensembleOf');
  }
  const checked = Array.from(members, (member: unknown, m) => checkMember(`${where}: members[${m}]`, member));
  const { inputSize, outputSize } = (model ?? {}) as Partial<Model>;
  const { kind } = (likelihood ?? {}) as { kind?: unknown };
  if (kind !== checked[0].likelihood.kind) {
    const expected = `${checked[0].likelihood.kind} like its members`;
    fail(`${where}: likelihood.kind`, expected, describeValue(kind), 'make an ensemble with ensembleOf');
  }
  for (const [m, member] of checked.entries()) {
    if (member.model.inputSize === inputSize && member.model.outputSize === outputSize) continue;
    const expected = `${describeValue(inputSize)} inputs and ${describeValue(outputSize)} outputs`;
    const got = `${member.model.inputSize} and ${member.model.outputSize}`;
    fail(`${where}: members[${m}]`, expected, got, 'make an ensemble with ensembleOf');
  }
  return given as unknown as AnyPosterior;
}

function checkMember(where: string, given: unknown): Posterior {
  if (!isPlain(given)) fail(where, 'a posterior', describeValue(given), nextFor(given, POSTERIOR_NEXT));
  if ('layers' in given && 'outputSize' in given)
    fail(where, 'a posterior', 'a model', 'train it first, and pass what that gives');
  const posterior = given as unknown as Posterior;
  const fresh = !seen.has(given);
  if (fresh) checkFields(where, posterior);
  checkTensors(where, posterior, fresh);
  seen.add(given);
  return posterior;
}

function checkFields(where: string, posterior: Posterior): void {
  const { likelihood, family, standardization, classNames, seed, kernelEpoch = 1, columns } = posterior;
  const model = checkModel(where, posterior.model);
  const kind = (likelihood as { kind?: unknown } | undefined)?.kind;
  if (typeof kind !== 'string' || !Object.hasOwn(LIKELIHOODS, kind)) {
    const known = listed(Object.keys(LIKELIHOODS));
    fail(`${where}: likelihood.kind`, known, describeValue(kind), POSTERIOR_NEXT);
  }
  checkOptions(where, likelihoodOf, { likelihood });
  checkOptions(where, familyOf, { family });
  for (const [option, value] of Object.entries(likelihood))
    if (value === undefined) fail(`${where}: likelihood.${option}`, 'a value', 'nothing', POSTERIOR_NEXT);
  if (!Number.isSafeInteger(kernelEpoch) || kernelEpoch < 1)
    fail(`${where}: kernelEpoch`, 'a whole number of at least 1', describeValue(kernelEpoch), POSTERIOR_NEXT);
  if (kernelEpoch > KERNEL_EPOCH)
    fail(
      `${where}: kernelEpoch`,
      `at most ${KERNEL_EPOCH}`,
      `${kernelEpoch}`,
      'use a newer varpool',
      RangeError,
    );
  if (typeof seed !== 'string' || seed === '')
    fail(`${where}: seed`, 'a string that is not empty', describeValue(seed), POSTERIOR_NEXT);
  if (!isPlain(standardization)) {
    const got = describeValue(standardization);
    fail(`${where}: standardization`, 'features and targets, or null for each', got, POSTERIOR_NEXT);
  }
  checkStandardization(`${where}: standardization.features`, standardization.features, model.inputSize);
  const outputs = outputsProblem({ model, likelihood });
  if (outputs !== null) fail(`${where}: model.outputSize`, outputs.expected, outputs.got, POSTERIOR_NEXT);
  const { targets } = standardization;
  checkStandardization(`${where}: standardization.targets`, targets, predictedColumns({ model, likelihood }));
  if (
    classNames !== null &&
    !(Array.isArray(classNames) && classNames.every((name) => typeof name === 'string'))
  )
    fail(`${where}: classNames`, 'a list of names or null', describeValue(classNames), POSTERIOR_NEXT);
  if (columns === undefined) return;
  checkOptions(`${where}: columns`, tableColumnsSchema, columns);
  const misfit = columnsProblem(columns, model.inputSize);
  if (misfit !== null) fail(`${where}: columns: ${misfit.at}`, misfit.expected, misfit.got, POSTERIOR_NEXT);
}

function checkStandardization(where: string, by: Standardization | null, columns: number): void {
  if (by === null) return;
  if (!isPlain(by)) fail(where, 'loc and scale, or null', describeValue(by), POSTERIOR_NEXT);
  for (const part of ['loc', 'scale'] as const) {
    checkNumbers(`${where}.${part}`, by[part], Float64Array, columns, true);
    if (part === 'scale') checkAbove0(`${where}.scale`, by.scale);
  }
}

/** Sizes of all tensors, which may have lost their memory since, and their numbers where `fresh`. */
function checkTensors(
  where: string,
  { model, family, likelihood, layers, noiseScale }: Posterior,
  fresh: boolean,
): void {
  const { parameters } = createFamily(family);
  const layout = parameterLayout(model).layers;
  if (!Array.isArray(layers) || layers.length !== layout.length)
    fail(`${where}: layers`, `${layout.length} layers like its model`, describeValue(layers), POSTERIOR_NEXT);
  for (const [l, { I, O }] of layout.entries()) {
    for (const [tensor, size] of [
      ['weight', I * O],
      ['bias', O],
    ] as const) {
      for (const part of ['mu', 'rho'] as const) {
        const data: unknown = layers[l]?.[tensor]?.[part];
        const wanted = parameters.includes(part) ? size : 0;
        checkNumbers(`${where}: layers[${l}].${tensor}.${part}`, data, Float32Array, wanted, fresh);
      }
    }
  }
  for (const [l, learned] of learnedPriors(model).entries()) {
    const at = `${where}: layers[${l}].prior`;
    if (learned !== null) checkNumbers(at, layers[l].prior, Float32Array, learned.names.length, fresh);
    else if (layers[l].prior !== undefined)
      fail(at, 'nothing, as its prior learns nothing', describeValue(layers[l].prior), POSTERIOR_NEXT);
  }
  const wanted = createLikelihood(likelihood).scale !== null;
  if (!wanted && noiseScale !== null)
    fail(`${where}: noiseScale`, `null for ${likelihood.kind}`, describeValue(noiseScale), POSTERIOR_NEXT);
  if (!wanted) return;
  checkNumbers(`${where}: noiseScale`, noiseScale, Float32Array, model.outputSize, fresh);
  checkAbove0(`${where}: noiseScale`, noiseScale as Float32Array);
}

function checkNumbers(
  where: string,
  data: unknown,
  Type: typeof Float32Array | typeof Float64Array,
  size: number,
  values: boolean,
): void {
  const expected = `a ${Type.name} of ${size}`;
  if (!(data instanceof Type)) fail(where, expected, describeValue(data), POSTERIOR_NEXT);
  if (isDetached(data)) {
    fail(where, expected, 'memory that was transferred', 'keep the posterior, and transfer a copy of it');
  }
  if (data.length !== size) fail(where, expected, describeValue(data), POSTERIOR_NEXT);
  if ((data.buffer as { resizable?: boolean }).resizable === true)
    fail(where, 'memory of a fixed size', 'a resizable buffer', 'pass a copy made with slice()');
  if (!values) return;
  for (let i = 0; i < data.length; i++) {
    if (!(Math.abs(data[i]) < Number.POSITIVE_INFINITY))
      fail(
        `${where}[${i}]`,
        'a finite number',
        `${data[i]}`,
        'train again, or load it from its file',
        RangeError,
      );
  }
}

function checkAbove0(where: string, data: ArrayLike<number>): void {
  for (let i = 0; i < data.length; i++)
    if (!(data[i] > 0)) fail(`${where}[${i}]`, 'a number above 0', `${data[i]}`, POSTERIOR_NEXT, RangeError);
}

/** An object with names, as opposed to lists, dates, maps, promises and the like. */
function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    builtinName(value) === 'Object' &&
    typeof (value as { then?: unknown }).then !== 'function'
  );
}

function nextFor(value: unknown, otherwise: string): string {
  if (describeValue(value) === 'a promise') return 'await it first';
  return typeof value === 'string' && otherwise === POSTERIOR_NEXT ? 'pass load(path)' : otherwise;
}
