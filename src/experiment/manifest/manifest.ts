// manifest.json: what a run was, so that it can be told, repeated and verified. Unknown fields of a later version are let pass.

import * as z from 'zod';
import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import { CheckpointError } from '../../errors.ts';
import { writeFileAtomic } from '../../files/atomicFile.ts';
import { readTextFile } from '../../files/fileProblems.ts';
import { parseStrictJson } from '../../files/text/strictJson.ts';
import { oneLine } from '../../messages.ts';
import { describeProblems } from '../../options/problems.ts';
import { currentPlatform, type KernelBuild, packageVersions, varpoolVersion } from '../provenance.ts';
import { type ConfigRecord, configRecordSchema } from './configRecord.ts';
import { hash, size, text, texts } from './fields.ts';
import { selectionSchema } from './selectionRecord.ts';
import { type SplitRecord, splitSchema } from './splitRecord.ts';

/** Raised when a reader of today would misread a manifest of tomorrow. */
export const MANIFEST_VERSION = 1;
const LIMIT_BYTES = 16_777_216;
const MAX_DEPTH = 64;

const seconds = z.number({ error: 'a number of seconds' }).min(0, { error: 'a number of seconds' });
const instant = z.iso.datetime({ error: 'a time such as 2030-01-31T12:00:00.000Z' });

const STATUSES = ['running', 'finished', 'interrupted', 'diverged', 'failed'] as const;

const metrics = z
  .record(z.string(), z.number({ error: 'a number or null' }).nullable(), { error: 'a map of numbers' })
  .nullable();
const memberSchema = z.looseObject(
  {
    seed: text,
    posteriorDigest: hash.nullable(),
    test: metrics,
    /** As `selection` of a run of its own; null until the member is done. */
    selection: selectionSchema.nullable().optional(),
  },
  { error: 'a map with seed, posteriorDigest and test' },
);

const manifestSchema = z.looseObject(
  {
    formatVersion: z.literal(MANIFEST_VERSION, { error: `${MANIFEST_VERSION}` }),
    /** Version of the package. */
    varpool: text,
    status: z.enum(STATUSES, { error: STATUSES.join(', ') }),
    startedAt: instant,
    endedAt: instant.nullable(),
    seed: text,
    backend: text,
    /** What the backend is made of, where its name does not say. */
    backendNote: text.optional(),
    /** False where another run of this config need not give this digest. */
    reproducible: z.boolean({ error: 'true or false' }).optional(),
    workers: size,
    /** Null where the backend uses no compiled kernels. */
    kernels: z.object({ sources: hash, wasm: hash }, { error: 'sources and wasm' }).nullable(),
    /** Number of the arithmetic: runs of different epochs have different digests. Epoch 1 did not write it. */
    kernelEpoch: size.default(1),
    platform: z.object(
      { node: text, platform: text, arch: text, cpu: text, cores: size, features: texts.optional() },
      { error: 'a map' },
    ),
    /** Versions of the packages varpool ran with, and of V8. */
    packages: z.record(z.string(), text, { error: 'a map of versions' }).optional(),
    config: configRecordSchema.optional(),
    split: splitSchema.optional(),
    data: z.array(
      z.object(
        { path: text, bytes: size, sha256: hash, shape: z.array(size, { error: 'a list of sizes' }) },
        { error: 'a map with path, bytes, sha256 and shape' },
      ),
      { error: 'a list of files' },
    ),
    /** Columns by the names in the data's header; null where they have none. */
    featureNames: z.array(text, { error: 'a list of names' }).nullable().optional(),
    targetNames: z.array(text, { error: 'a list of names' }).nullable().optional(),
    /** Optimizer steps done, of all members together; epochs done, by every member. */
    steps: size,
    epochs: size,
    /** Metrics on the test rows by name; null where there are none (yet), or for one that is not finite. */
    test: metrics,
    /** The epoch whose posterior was kept, by which metric of the validation rows if by one, and what ended the training. */
    selection: selectionSchema.nullable().optional(),
    /** Of an ensemble: each member by its number, with the digest and metrics it has when trained alone. */
    members: z.array(memberSchema, { error: 'a list of members' }).optional(),
    /** Of the run and all its resumptions, as far as they are known: what a killed process did after its last checkpoint is not. */
    wallSeconds: seconds,
    /** Lives after the first: when each began, after which step, with what. */
    resumptions: z
      .array(
        z.object(
          { at: instant, step: size, varpool: text, backend: text, workers: size, node: text },
          { error: 'a map with at, step, varpool, backend, workers and node' },
        ),
        { error: 'a list of resumptions' },
      )
      .optional(),
    /** SHA-256 of the data section of posterior.safetensors; null until there is one. */
    posteriorDigest: hash.nullable(),
  },
  { error: 'a map' },
);

export type Manifest = z.output<typeof manifestSchema>;
export type MemberOutcome = z.output<typeof memberSchema>;
export type RunStatus = (typeof STATUSES)[number];

/** What the starter of a run knows and this module cannot find out. */
export interface RunFacts {
  /** As the random numbers use it. */
  readonly seed: string;
  readonly backend: string;
  readonly backendNote?: string | null;
  /** Default true. */
  readonly reproducible?: boolean;
  readonly workers: number;
  readonly kernels: KernelBuild | null;
  /** What config.yaml says. */
  readonly config?: ConfigRecord;
  /** Which rows were for training, validation and test. */
  readonly split?: SplitRecord;
  /** Every file the rows came from. */
  readonly data: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly shape: readonly number[];
  }[];
  /** Columns by the names in the data's header; null where they have none. */
  readonly featureNames?: readonly string[] | null;
  readonly targetNames?: readonly string[] | null;
}

/** The manifest of a run that starts now. */
export function startManifest(facts: RunFacts, now: Date = new Date()): Manifest {
  return {
    formatVersion: MANIFEST_VERSION,
    varpool: varpoolVersion(),
    status: 'running',
    startedAt: now.toISOString(),
    endedAt: null,
    seed: facts.seed,
    backend: facts.backend,
    ...(facts.backendNote ? { backendNote: facts.backendNote } : {}),
    reproducible: facts.reproducible ?? true,
    workers: facts.workers,
    kernels: facts.kernels === null ? null : { sources: facts.kernels.sources, wasm: facts.kernels.wasm },
    kernelEpoch: KERNEL_EPOCH,
    platform: currentPlatform(),
    packages: packageVersions(),
    ...(facts.config === undefined ? {} : { config: facts.config }),
    ...(facts.split === undefined ? {} : { split: facts.split }),
    data: facts.data.map(({ path, bytes, sha256, shape }) => ({ path, bytes, sha256, shape: [...shape] })),
    ...(facts.featureNames === undefined ? {} : { featureNames: copied(facts.featureNames) }),
    ...(facts.targetNames === undefined ? {} : { targetNames: copied(facts.targetNames) }),
    steps: 0,
    epochs: 0,
    test: null,
    wallSeconds: 0,
    posteriorDigest: null,
  };
}

function copied(names: readonly string[] | null): string[] | null {
  return names === null ? null : [...names];
}

/** How a run ended (or where it stands); a metric that is not finite is kept as null, for JSON has no such number. */
export interface RunOutcome {
  readonly status: RunStatus;
  readonly steps: number;
  readonly epochs: number;
  readonly test: Readonly<Record<string, number>> | null;
  /** Null where training did not come to its end. */
  readonly selection?: Manifest['selection'];
  readonly members?: readonly MemberOutcome[];
  readonly wallSeconds: number;
  readonly posteriorDigest: string | null;
}

/** The manifest with its end filled in. */
export function endManifest(manifest: Manifest, outcome: RunOutcome, now: Date = new Date()): Manifest {
  const { members, ...rest } = outcome;
  return {
    ...manifest,
    ...rest,
    ...(members === undefined
      ? {}
      : { members: members.map((member) => ({ ...member, test: finite(member.test) })) }),
    endedAt: outcome.status === 'running' ? null : now.toISOString(),
    test: finite(outcome.test),
  };
}

function finite(test: Readonly<Record<string, number | null>> | null): Record<string, number | null> | null {
  if (test === null) return null;
  const entries = Object.entries(test).map(([name, value]) => [name, Number.isFinite(value) ? value : null]);
  return Object.fromEntries(entries);
}

/** The manifest of a run that resumes after `step`, with `wallSeconds` spent on it so far. */
export function resumeManifest(
  manifest: Manifest,
  life: {
    readonly step: number;
    readonly backend: string;
    readonly reproducible: boolean;
    readonly workers: number;
  },
  wallSeconds: number,
  now: Date = new Date(),
): Manifest {
  const { step, backend, workers } = life;
  const made = { varpool: varpoolVersion(), backend, workers, node: process.versions.node };
  return {
    ...manifest,
    status: 'running',
    endedAt: null,
    // True only if every process that worked on it was reproducible.
    reproducible: manifest.reproducible !== false && life.reproducible,
    wallSeconds,
    posteriorDigest: null,
    resumptions: [...(manifest.resumptions ?? []), { at: now.toISOString(), step, ...made }],
  };
}

/** Writes manifest.json whole or not at all. @throws CheckpointError if it cannot be written */
export function writeManifest(path: string, manifest: Manifest): void {
  writeFileAtomic(path, `${JSON.stringify(manifest, null, 2)}\n`, CheckpointError);
}

/** @throws CheckpointError, in one line, when the file is missing or no manifest this version can read */
export function readManifest(path: string): Manifest {
  return parseManifest(readTextFile(path, 'the manifest of a run', LIMIT_BYTES, CheckpointError), path);
}

/** The manifest in `json`; `where` starts the message of an error. @throws CheckpointError */
export function parseManifest(json: string, where: string): Manifest {
  const value = parseStrictJson(Buffer.from(json), MAX_DEPTH, where, CheckpointError);
  const version = (value as { formatVersion?: unknown } | null)?.formatVersion;
  if (typeof version === 'number' && version > MANIFEST_VERSION) {
    throw new CheckpointError(
      oneLine(
        `${where}: expected format version ${MANIFEST_VERSION} or older, got ${version} — use a newer varpool`,
      ),
    );
  }
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) throw new CheckpointError(describeProblems(where, parsed.error.issues, value));
  return parsed.data;
}

/** Whether the file is there and was written by varpool, in whatever version: what makes a directory a run. */
export function isManifest(path: string): boolean {
  try {
    const value: unknown = JSON.parse(
      readTextFile(path, 'the manifest of a run', LIMIT_BYTES, CheckpointError),
    );
    const { varpool, formatVersion } = (value ?? {}) as Record<string, unknown>;
    return typeof varpool === 'string' && typeof formatVersion === 'number';
  } catch {
    return false; // Missing, unreadable or not JSON: no manifest, and that is the answer.
  }
}
