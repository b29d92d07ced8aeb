// The bytes of posterior.safetensors: a fitted posterior, with all that predict needs in the file's metadata. Of an ensemble:
// ensembleFile.ts; on disk: saved.ts.

import * as z from 'zod';
import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import { columnsProblem, tableColumnsSchema } from '../../columns/record.ts';
import { learnedPriors } from '../../core/layerPriors.ts';
import { layerShape } from '../../core/layers/index.ts';
import { createLikelihood, LIKELIHOODS } from '../../core/likelihoods/index.ts';
import { outputsProblem, predictedColumns } from '../../core/likelihoods/sizes.ts';
import type { LikelihoodSpec, Model } from '../../core/model.ts';
import type { LayerPosterior, Posterior, Standardization } from '../../core/posterior.ts';
import { familyField, POSTERIORS } from '../../core/posteriors/index.ts';
import { layerTensors, tensorParameters } from '../../core/posteriors/layerTensors.ts';
import { CheckpointError } from '../../errors.ts';
import type { FileHost } from '../../files/fileHost.ts';
import { withChecksum } from '../../files/tensors/checksum.ts';
import { checkFormatVersion } from '../../files/tensors/formatVersion.ts';
import type { Safetensors, Tensor } from '../../files/tensors/safetensors.ts';
import { parseStrictJson } from '../../files/text/strictJson.ts';
import { describeValue, mismatch } from '../../messages.ts';
import { oneOfKind } from '../../options/kinds.ts';
import { describeProblems } from '../../options/problems.ts';
import { epochOf } from './epoch.ts';
import { modelProblem, modelSchema, plainModel } from './modelRecord.ts';

export const POSTERIOR_FORMAT = 'varpool-posterior';
const FORMAT_VERSION = 1;
/** Of a posterior that says its family, so that readers which know only mean field ask for a newer varpool; 2 is an ensemble's. */
const FAMILY_VERSION = 3;

/** The version that a file with these fields has. */
export function formatVersionOf(metadata: object): number {
  return Object.hasOwn(metadata, 'family') ? FAMILY_VERSION : FORMAT_VERSION;
}

/** Tensors and metadata of a posterior's file, whole; `where` starts the message of an error. @throws CheckpointError */
export function posteriorRecord(posterior: Posterior, where: string, host: FileHost): Safetensors {
  const { tensors, metadata } = encodePosterior(posterior, where);
  const all = {
    format: POSTERIOR_FORMAT,
    formatVersion: String(formatVersionOf(metadata)),
    varpool: host.version(),
    ...metadata,
  };
  return { tensors, metadata: withChecksum(all, tensors, host) };
}

/**
 * Tensors and metadata of a posterior's file, without the fields that every file has.
 * @param where starts the message of an error
 * @throws CheckpointError
 */
export function encodePosterior(posterior: Posterior, where: string) {
  const tensors = posteriorTensors(posterior);
  checkPosterior(posterior, tensors, where);
  const { family } = familyField(posterior.family);
  const metadata = {
    model: JSON.stringify(plainModel(posterior.model)),
    ...(family === undefined ? {} : { family: JSON.stringify(family) }),
    likelihood: JSON.stringify(posterior.likelihood),
    standardization: `{"features":${exact(posterior.standardization.features)},"targets":${exact(posterior.standardization.targets)}}`,
    classNames: JSON.stringify(posterior.classNames),
    seed: posterior.seed,
    kernelEpoch: String(posterior.kernelEpoch ?? KERNEL_EPOCH),
    ...(posterior.columns === undefined ? {} : { columns: JSON.stringify(posterior.columns) }),
  };
  return { tensors, metadata };
}

/** Checks that a file is that of a posterior or an ensemble; `where` starts the message of an error. @throws CheckpointError */
export function checkFormat({ format }: Safetensors['metadata'], where: string): void {
  if (format === POSTERIOR_FORMAT) return;
  fail(
    `${where}: metadata: format`,
    POSTERIOR_FORMAT,
    describeValue(format),
    'is it the posterior of a run?',
  );
}

/** The posterior in the tensors and metadata of a file; `where` starts the message of an error. @throws CheckpointError */
export function decodePosterior({ metadata, tensors }: Safetensors, where: string): Posterior {
  checkFormat(metadata, where);
  if (Object.hasOwn(metadata, 'members'))
    fail(where, 'one posterior', `an ensemble of ${metadata.members}`, 'load it as an ensemble');
  checkFormatVersion(metadata, formatVersionOf(metadata), where);
  const field = <Schema extends z.ZodType>(name: string, schema: Schema): z.output<Schema> => {
    const at = `${where}: metadata: ${name}`;
    if (!Object.hasOwn(metadata, name)) fail(at, 'a value', 'nothing', 'the file is damaged');
    const value = parseStrictJson(new TextEncoder().encode(metadata[name]), 8, at, CheckpointError);
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new CheckpointError(describeProblems(at, parsed.error.issues, value));
    return parsed.data;
  };
  if (!Object.hasOwn(metadata, 'seed'))
    fail(`${where}: metadata: seed`, 'a value', 'nothing', 'the file is damaged');
  const model: Model = field('model', modelSchema);
  const likelihood: LikelihoodSpec = field('likelihood', likelihoodSchema);
  const { features, targets } = field('standardization', standardizationSchema);
  checkModel(model, `${where}: metadata: model`);
  const posterior = assemble(
    {
      model,
      ...(Object.hasOwn(metadata, 'family') ? familyField(field('family', familySchema)) : {}),
      likelihood,
      standardization: { features: float64(features), targets: float64(targets) },
      classNames: field('classNames', classNamesSchema),
      seed: metadata.seed,
      kernelEpoch: epochOf(metadata.kernelEpoch, `${where}: metadata: kernelEpoch`),
      ...(Object.hasOwn(metadata, 'columns') ? { columns: field('columns', tableColumnsSchema) } : {}),
    },
    tensors,
    where,
  );
  checkPosterior(posterior, tensors, where);
  return posterior;
}

/** The tensors in the order of the file, not copied. */
export function posteriorTensors({ model, family, layers, noiseScale }: Posterior): Tensor[] {
  const f32 = (name: string, shape: readonly number[], data: Float32Array): Tensor => ({
    name,
    dtype: 'F32',
    shape,
    data,
  });
  const learned = learnedPriors(model);
  const tensors = layers.flatMap((layer, n) => {
    const shapes = tensorShapes(model, n);
    if (shapes === null) return [];
    const prior = layer.prior ?? new Float32Array(0);
    return [
      ...tensorParameters(family).map(([tensor, name]) =>
        f32(`layers.${n}.${tensor}.${name}`, shapes[tensor], layer[tensor][name]),
      ),
      ...(learned[n]?.names ?? []).map((name, i) =>
        f32(`layers.${n}.prior.${name}`, [1], prior.slice(i, i + 1)),
      ),
    ];
  });
  if (noiseScale !== null) tensors.push(f32('likelihood.scale', [model.outputSize], noiseScale));
  return tensors;
}

/** Shapes of the tensors of layer n, null where it has no weights. */
function tensorShapes(model: Model, n: number): Record<'weight' | 'bias', readonly number[]> | null {
  const spec = model.layers[n];
  if (spec === undefined) return { weight: [0, 0], bias: [0] };
  const { O, weightShape } = layerShape(spec);
  return O === 0 ? null : { weight: weightShape, bias: [O] };
}

/** Puts the tensors of a file where the model wants them; the file must hold these and no others, in this order. */
function assemble(
  rest: Omit<Posterior, 'layers' | 'noiseScale'>,
  tensors: readonly Tensor[],
  where: string,
): Posterior {
  const { model, family, likelihood } = rest;
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const names: string[] = [];
  const take = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = byName.get(name);
    const at = `${where}: ${name}`;
    names.push(name);
    if (tensor === undefined) fail(at, 'a tensor', 'nothing', 'the file is damaged or of another model');
    if (!(tensor.data instanceof Float32Array))
      fail(`${at}: dtype`, 'F32', tensor.dtype, 'convert it to float32');
    if (tensor.shape.length !== shape.length || tensor.shape.some((size, d) => size !== shape[d])) {
      fail(
        `${at}: shape`,
        `[${shape.join(', ')}]`,
        `[${tensor.shape.join(', ')}]`,
        'the file is damaged or of another model',
      );
    }
    return tensor.data;
  };
  const learned = learnedPriors(model);
  const layers = model.layers.map((_, n): LayerPosterior => {
    const shapes = tensorShapes(model, n);
    const both = layerTensors(family, (tensor, name) =>
      shapes === null ? new Float32Array(0) : take(`layers.${n}.${tensor}.${name}`, shapes[tensor]),
    );
    const names = learned[n]?.names;
    if (names === undefined) return both;
    return { ...both, prior: Float32Array.from(names, (name) => take(`layers.${n}.prior.${name}`, [1])[0]) };
  });
  const noiseScale =
    createLikelihood(likelihood).scale === null ? null : take('likelihood.scale', [model.outputSize]);
  // The digest is over the bytes in this order.
  const stray = tensors.find((tensor, i) => tensor.name !== names[i]);
  if (stray !== undefined) {
    const at = names.indexOf(stray.name);
    const got =
      at < 0 ? `an extra tensor ${describeValue(stray.name)}` : `${describeValue(stray.name)} out of order`;
    fail(
      where,
      `${names.length} tensors in the order of the layers`,
      got,
      'the file is damaged or of another model',
    );
  }
  return { ...rest, layers, noiseScale };
}

/** What must hold of every posterior, saved or loaded. */
function checkPosterior(posterior: Posterior, tensors: readonly Tensor[], where: string): void {
  const { model, likelihood, standardization, classNames, noiseScale, layers, columns } = posterior;
  if (layers.length !== model.layers.length)
    fail(where, `${model.layers.length} layers`, `${layers.length}`, 'use the model it was fitted with');
  for (const { name, shape, data } of tensors) {
    const wanted = shape.reduce((product, size) => product * size, 1);
    if (data.length !== wanted) {
      fail(
        `${where}: ${name}`,
        `${wanted} numbers for shape [${shape.join(', ')}]`,
        `${data.length}`,
        'use the model it was fitted with',
      );
    }
    const i = (data as Float32Array).findIndex((x) => !Number.isFinite(x));
    if (i >= 0)
      fail(
        `${where}: ${name}[${i}]`,
        'a finite number',
        `${data[i]}`,
        'the training diverged or the file is damaged',
      );
  }
  const { scale, targets, kind } = createLikelihood(likelihood);
  if ((scale !== null) !== (noiseScale !== null)) {
    fail(
      `${where}: likelihood.scale`,
      noiseScale === null ? 'a tensor' : 'none',
      noiseScale === null ? 'nothing' : 'one',
      scale === null ? `${kind} has no scale` : `${kind} has a scale`,
    );
  }
  const k = noiseScale?.findIndex((scale) => scale <= 0) ?? -1;
  if (k >= 0)
    fail(`${where}: likelihood.scale[${k}]`, 'a scale above 0', `${noiseScale?.[k]}`, 'the file is damaged');
  checkStandardization(standardization.features, model.inputSize, `${where}: standardization.features`);
  const outputs = outputsProblem({ model, likelihood });
  if (outputs !== null)
    fail(`${where}: model.outputSize`, outputs.expected, outputs.got, 'the file is damaged');
  const columnsOfTargets = predictedColumns({ model, likelihood });
  checkStandardization(standardization.targets, columnsOfTargets, `${where}: standardization.targets`);
  const misfit = columns === undefined ? null : columnsProblem(columns, model.inputSize);
  if (misfit !== null)
    fail(
      `${where}: columns: ${misfit.at}`,
      misfit.expected,
      misfit.got,
      'the file is damaged or of another model',
    );
  if (targets === 'labels' && classNames !== null && classNames.length !== model.outputSize) {
    fail(
      `${where}: classNames`,
      `${model.outputSize} names`,
      `${classNames.length}`,
      'the file is damaged or of another model',
    );
  }
}

function checkStandardization(by: Standardization | null, columns: number, where: string): void {
  if (by === null) return;
  for (const part of ['loc', 'scale'] as const) {
    if (by[part].length !== columns)
      fail(`${where}.${part}`, `${columns} numbers`, `${by[part].length}`, 'the file is damaged');
    const i = by[part].findIndex((x) => !Number.isFinite(x) || (part === 'scale' && x <= 0));
    const what = part === 'scale' ? 'a number above 0' : 'a finite number';
    if (i >= 0) fail(`${where}.${part}[${i}]`, what, `${by[part][i]}`, 'the file is damaged');
  }
}

function checkModel(model: Model, where: string): void {
  const problem = modelProblem(model);
  if (problem !== null) fail(`${where}: ${problem.at}`, problem.expected, problem.got, 'the file is damaged');
}

const numbers = z.array(z.number({ error: 'a finite number' }), { error: 'a list of numbers' });

const familySchema = oneOfKind(POSTERIORS, 'Posterior family.');

const likelihoodSchema = oneOfKind(LIKELIHOODS, 'Likelihood.');

const columns = z.strictObject({ loc: numbers, scale: numbers }, { error: 'loc and scale' }).nullable();
const standardizationSchema = z.strictObject(
  { features: columns, targets: columns },
  { error: 'features and targets' },
);
const classNamesSchema = z.array(z.string({ error: 'a string' }), { error: 'a list of strings' }).nullable();

/** JSON whose decimals read back as the very same float64, the sign of zero included. */
function exact(by: Standardization | null): string {
  if (by === null) return 'null';
  const list = (values: Float64Array) =>
    `[${Array.from(values, (x) => (Object.is(x, -0) ? '-0' : String(x))).join(',')}]`;
  return `{"loc":${list(by.loc)},"scale":${list(by.scale)}}`;
}

function float64(by: { loc: number[]; scale: number[] } | null): Standardization | null {
  return by === null ? null : { loc: Float64Array.from(by.loc), scale: Float64Array.from(by.scale) };
}

function fail(where: string, expected: string, got: string, next: string): never {
  throw new CheckpointError(mismatch(where, expected, got, next));
}
