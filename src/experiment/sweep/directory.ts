// The directory of a sweep: sweep.json (what it is and how far it came), results.jsonl (a line per cell that ended), a run directory
// per cell below cells/, tables at the end. It can be resumed after a kill at any moment.

import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import * as z from 'zod';
import { CheckpointError, ConfigError } from '../../errors.ts';
import { TEMPORARY_NAME, writeFileAtomic } from '../../files/atomicFile.ts';
import { fileProblem, readTextFile } from '../../files/fileProblems.ts';
import { isLockName, lockRun, type RunLock, removeDeadLock } from '../../files/lock.ts';
import { refuseOverwriting } from '../../files/overwriting.ts';
import { keepLines, LineLog, readLines } from '../../files/text/lineLog.ts';
import { parseStrictJson } from '../../files/text/strictJson.ts';
import { mismatch } from '../../messages.ts';
import { describeProblems } from '../../options/problems.ts';
import { removeTemporaries } from '../checkpoint/store.ts';
import { formatConfig, type ResolvedConfig } from '../config/config.ts';
import type { FieldValues } from '../config/setField.ts';
import { size } from '../manifest/fields.ts';
import { makeDirectory } from '../run/directory.ts';

export const SWEEP_FILES = {
  manifest: 'sweep.json',
  results: 'results.jsonl',
  cells: 'cells',
  cellTable: 'cells.csv',
  table: 'table.csv',
  tableJson: 'table.json',
  report: 'report.html',
} as const;

const LIMIT_BYTES = 268_435_456;
const RESULTS = 'the results of a sweep';
export const SWEEP_VERSION = 1;

const text = z.string({ error: 'a string' });
const number = z.number({ error: 'a number or null' }).nullable();
const metrics = z.record(text, number, { error: 'a map of numbers' }).nullable();
const STATUSES = ['finished', 'diverged', 'failed'] as const;

const resultSchema = z.looseObject(
  {
    /** SHA-256 of the cell's config as its run directory has it. */
    key: text,
    setting: z.record(text, z.unknown(), { error: 'a map' }),
    seed: z.union([text, z.number()], { error: 'a seed' }),
    split: number,
    status: z.enum(STATUSES, { error: STATUSES.join(', ') }),
    /** Run directory, from the sweep's. */
    run: text,
    posteriorDigest: text.nullable(),
    /** Metrics of the result on the validation rows and on the test rows, over all draws of the config; null where there are none. */
    validation: metrics,
    test: metrics,
    epochs: z.number({ error: 'a number' }),
    epochKept: number,
    seconds: z.number({ error: 'a number' }),
    error: text.nullable(),
  },
  { error: 'a map' },
);

/** How a cell ended. */
export type CellResult = z.output<typeof resultSchema>;

const manifestSchema = z.looseObject(
  {
    formatVersion: z.literal(SWEEP_VERSION, { error: `${SWEEP_VERSION}` }),
    varpool: text,
    status: z.enum(['running', 'finished', 'interrupted'], { error: 'running, finished or interrupted' }),
    kernels: z.object({ sources: text, wasm: text }, { error: 'sources and wasm' }).nullable(),
    /** As of a run. */
    kernelEpoch: size.default(1),
    /** False where a cell was trained by a backend whose bits are its own. */
    reproducible: z.boolean({ error: 'true or false' }).default(true),
    data: z.array(z.looseObject({ path: text, sha256: text }, { error: 'a map with path and sha256' }), {
      error: 'a list of files',
    }),
    /** Summed over all times the sweep was started. */
    wallSeconds: z.number({ error: 'a number of seconds' }),
    startedAt: text,
    /** The sweep file, from the directory. */
    source: text,
    /** Fields of its config that were set on the command line, by their dotted paths. */
    set: z.record(text, z.unknown(), { error: 'a map' }).optional(),
  },
  { error: 'a map' },
);

/** What is known of a sweep beside its results; further fields are let pass. */
export type SweepManifest = z.output<typeof manifestSchema>;

/** An open directory of a sweep; only one process at a time has it open. */
export class SweepDirectory {
  #log: LineLog | null = null;

  private constructor(
    readonly dir: string,
    /** Of an earlier start; null in a new directory. */
    readonly earlier: SweepManifest | null,
    readonly results: CellResult[],
    readonly lock: RunLock,
    readonly warn: (message: string) => void,
  ) {}

  /**
   * Opens `dir`, or makes it; what is finished there is kept, unless `force` says to begin again. Damaged lines of results.jsonl
   * are reported to `onWarning`; their cells count as not ended.
   * @throws ConfigError when something else is in it or another process works on it, CheckpointError when it is damaged
   */
  static open(
    dir: string,
    options: {
      readonly force?: boolean;
      /** Files and directories the sweep reads: none of them may be replaced. */
      readonly reads?: readonly string[];
      readonly onWarning?: (message: string) => void;
    } = {},
  ): SweepDirectory {
    makeDirectory(dir);
    const path = (file: keyof typeof SWEEP_FILES) => join(dir, SWEEP_FILES[file]);
    const others = entries(dir).filter((name) => !TEMPORARY_NAME.test(name) && !isLockName(name));
    if (others.length > 0 && !existsSync(path('manifest'))) {
      const got = `one with ${others.length} other file${others.length === 1 ? '' : 's'}`;
      throw problem(ConfigError, dir, 'a new or empty directory, or one of a sweep', got, 'choose another');
    }
    const files = Object.values(SWEEP_FILES).map((name) => join(dir, name));
    refuseOverwriting(dir, { files, trees: [path('cells')] }, options.reads ?? []);
    const lock = lockRun(dir);
    try {
      removeTemporaries(dir);
      for (const cell of cellsIn(path('cells'))) removeDeadLock(cell);
      if (options.force) clear(dir);
      const earlier = existsSync(path('manifest')) ? readSweepManifest(path('manifest')) : null;
      const results = existsSync(path('results')) ? mendResults(path('results'), options.onWarning) : [];
      return new SweepDirectory(dir, earlier, results, lock, options.onWarning ?? (() => undefined));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  path(file: keyof typeof SWEEP_FILES): string {
    return join(this.dir, SWEEP_FILES[file]);
  }

  /** What tells a cell from every other: all that its result depends on but the bytes of the data. */
  key(config: ResolvedConfig): string {
    return createHash('sha256').update(formatConfig(config, this.dir)).digest('hex');
  }

  /** Run directory of a cell, from this one. */
  run(key: string): string {
    return `${SWEEP_FILES.cells}/${key.slice(0, 12)}`;
  }

  /** Adds a line to results.jsonl; it is on the disk when this returns. @throws CheckpointError if that cannot be */
  append(result: CellResult): void {
    this.lock.check();
    this.#log ??= new LineLog(this.path('results'));
    this.#log.append(JSON.stringify(result));
    this.#log.sync();
    this.results.push(result);
  }

  writeManifest(manifest: SweepManifest): void {
    writeFileAtomic(this.path('manifest'), `${JSON.stringify(manifest, null, 2)}\n`, CheckpointError);
  }

  close(): void {
    this.#log?.close();
    this.#log = null;
    this.lock.release(this.warn);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Whether the directory is one of a sweep. */
export function isSweep(dir: string): boolean {
  return existsSync(join(dir, SWEEP_FILES.manifest));
}

/**
 * The sweep file that a directory was made from, and the fields that were set beside it.
 * @throws CheckpointError when its manifest is damaged
 */
export function sweepSource(dir: string): { file: string; set: FieldValues } {
  const { source, set = {} } = readSweepManifest(join(dir, SWEEP_FILES.manifest));
  return { file: isAbsolute(source) ? source : join(dir, source), set };
}

/** @throws CheckpointError, in one line, when it is missing or damaged */
export function readSweepManifest(path: string): SweepManifest {
  const value = parseStrictJson(
    Buffer.from(readTextFile(path, 'the manifest of a sweep', LIMIT_BYTES, CheckpointError)),
    64,
    path,
    CheckpointError,
  );
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) throw new CheckpointError(describeProblems(path, parsed.error.issues, value));
  return parsed.data;
}

/** All whole lines of a results.jsonl. @throws CheckpointError naming file and line */
export function readResults(path: string): CellResult[] {
  return readLines(path, { expected: RESULTS, parse: parseResult }).map(({ value }) => value);
}

/** The results without damaged lines, which go from the file too: their cells are trained again. */
function mendResults(path: string, warn: (message: string) => void = () => undefined): CellResult[] {
  let damaged = 0;
  const onDamage = (message: string) => {
    damaged++;
    warn(`${message}; training its cell again`);
  };
  const lines = readLines(path, { expected: RESULTS, parse: parseResult, onDamage });
  if (damaged > 0) keepLines(path, lines);
  return lines.map(({ value }) => value);
}

function parseResult(line: Uint8Array, where: string): CellResult {
  const value = parseStrictJson(line, 32, where, CheckpointError);
  const parsed = resultSchema.safeParse(value);
  if (!parsed.success) throw new CheckpointError(describeProblems(where, parsed.error.issues, value));
  return parsed.data;
}

/** Removes what a sweep wrote, its manifest last. */
function clear(dir: string): void {
  const { manifest, ...others } = SWEEP_FILES;
  for (const name of [...Object.values(others), manifest]) {
    rmSync(join(dir, name), { recursive: true, force: true });
  }
}

/** Run directories of the cells that were begun. */
function cellsIn(dir: string): string[] {
  return existsSync(dir) ? entries(dir).map((name) => join(dir, name)) : [];
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (cause) {
    throw fileProblem(ConfigError, dir, 'a directory that can be listed', 'read', cause);
  }
}

function problem(
  type: typeof ConfigError,
  where: string,
  expected: string,
  got: string,
  next: string,
): ConfigError {
  return new type(mismatch(where, expected, got, next));
}
