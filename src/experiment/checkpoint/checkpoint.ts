// Checkpoints: the state of a training as the bytes of a safetensors file, held to a checksum of all of it. On disk they are
// checkpointFile.ts's; which files there are and which one to resume from is store.ts's business.

import * as z from 'zod';
import type { StateTensor, TrainingState } from '../../core/training/trainingState.ts';
import { CheckpointError } from '../../errors.ts';
import type { FileHost } from '../../files/fileHost.ts';
import { contentHash, withChecksum } from '../../files/tensors/checksum.ts';
import { checkFormatVersion } from '../../files/tensors/formatVersion.ts';
import type { Safetensors, Tensor } from '../../files/tensors/safetensors.ts';
import { parseStrictJson } from '../../files/text/strictJson.ts';
import { describeValue, mismatch } from '../../messages.ts';
import { describeProblems } from '../../options/problems.ts';

const FORMAT = 'varpool-checkpoint';
const FORMAT_VERSION = 1;
const MAX_DEPTH = 64;

/** A state with where it was made. */
export interface Checkpoint {
  readonly state: TrainingState;
  /** Version of varpool. */
  readonly varpool: string;
  /** SHA-256 of the kernels' sources (KernelBuild.sources); null where the backend uses no compiled kernels. */
  readonly kernels: string | null;
}

/** Tensors and metadata of a checkpoint's file. @param kernels see Checkpoint; null where they need not be the same when it is read */
export function checkpointRecord(state: TrainingState, kernels: string | null, host: FileHost): Safetensors {
  const { origin, step, epochLoss, seconds, extra } = state;
  const tensors = state.tensors.map(({ name, shape, data }): Tensor => {
    return { name, shape, data, dtype: data instanceof Float64Array ? 'F64' : 'F32' };
  });
  const metadata = {
    format: FORMAT,
    formatVersion: String(FORMAT_VERSION),
    varpool: host.version(),
    kernels: JSON.stringify(kernels),
    step: JSON.stringify(step),
    epochLoss: Object.is(epochLoss, -0) ? '-0' : JSON.stringify(epochLoss),
    seconds: JSON.stringify(seconds),
    origin: JSON.stringify(origin),
    extra: JSON.stringify(extra),
  };
  return { tensors, metadata: withChecksum(metadata, tensors, host) };
}

/** The checkpoint in the tensors and metadata of a file; `where` starts the message of an error. @throws CheckpointError */
export function decodeCheckpoint(
  { metadata, tensors }: Safetensors,
  where: string,
  host: FileHost,
): Checkpoint {
  checkFormat(metadata, where);
  const { sha256, ...covered } = metadata;
  const hash = contentHash(covered, tensors, host);
  if (sha256 !== hash) fail(where, `SHA-256 ${describeValue(sha256)}`, hash, 'the file is damaged');
  const field = <Schema extends z.ZodType>(name: keyof typeof FIELDS, schema: Schema): z.output<Schema> => {
    const at = `${where}: metadata: ${name}`;
    if (!Object.hasOwn(metadata, name)) fail(at, 'a value', 'nothing', 'the file is damaged');
    const value = parseStrictJson(new TextEncoder().encode(metadata[name]), MAX_DEPTH, at, CheckpointError);
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new CheckpointError(describeProblems(at, parsed.error.issues, value));
    return parsed.data;
  };
  return {
    state: {
      // Compared with that of the training it is resumed in, field by field, and used for nothing else.
      origin: asNow(field('origin', FIELDS.origin)) as unknown as TrainingState['origin'],
      step: field('step', FIELDS.step),
      epochLoss: field('epochLoss', FIELDS.epochLoss),
      seconds: field('seconds', FIELDS.seconds),
      extra: field('extra', FIELDS.extra),
      tensors: tensors.map((tensor) => stateTensor(tensor, where)),
    },
    varpool: metadata.varpool ?? 'unknown',
    kernels: field('kernels', FIELDS.kernels),
  };
}

/** What decides the bits, as states of this version say it: earlier ones knew Gaussian priors only, and said their sigma. */
function asNow(origin: z.output<typeof FIELDS.origin>): object {
  const { problem } = origin;
  if (!isMap(problem.model) || !Object.hasOwn(problem.model, 'priorSigma')) return origin;
  const { priorSigma: sigma, ...model } = problem.model;
  return { ...origin, problem: { ...problem, model: { ...model, prior: { kind: 'gaussian', sigma } } } };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const FIELDS = {
  origin: z.looseObject(
    { problem: z.looseObject({}, { error: 'a map' }), initialRho: z.number(), dataChecksum: z.string() },
    { error: 'what decides the bits' },
  ),
  step: z.number({ error: 'a whole number' }).int({ error: 'a whole number' }),
  epochLoss: z.number({ error: 'a number' }),
  seconds: z.number({ error: 'a number of seconds' }),
  extra: z.record(z.string(), z.unknown(), { error: 'a map' }),
  kernels: z.string({ error: 'a SHA-256 or null' }).nullable(),
} as const;

function checkFormat(metadata: Safetensors['metadata'], where: string): void {
  if (metadata.format !== FORMAT) {
    fail(`${where}: metadata: format`, FORMAT, describeValue(metadata.format), 'is it a checkpoint?');
  }
  checkFormatVersion(metadata, FORMAT_VERSION, where);
}

function stateTensor({ name, shape, data, dtype }: Tensor, where: string): StateTensor {
  if (!(data instanceof Float32Array || data instanceof Float64Array))
    fail(`${where}: ${name}: dtype`, 'F32 or F64', dtype, 'the file is damaged');
  return { name, shape, data };
}

function fail(where: string, expected: string, got: string, next: string): never {
  throw new CheckpointError(mismatch(where, expected, got, next));
}
