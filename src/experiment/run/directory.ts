// The run directory: which files it has, when it may be made or made anew, and how it is opened again.

import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { AnyPosterior } from '../../core/posterior.ts';
import { CheckpointError, ConfigError } from '../../errors.ts';
import { TEMPORARY_NAME, writeFileAtomic } from '../../files/atomicFile.ts';
import { fileProblem } from '../../files/fileProblems.ts';
import { checkUnlocked, isLockName, LOCK_NAME } from '../../files/lock.ts';
import { makeMissing } from '../../files/makeMissing.ts';
import { refuseOverwriting } from '../../files/overwriting.ts';
import type { ErrorType } from '../../files/text/strictJson.ts';
import { mismatch } from '../../messages.ts';
import { CheckpointStore } from '../checkpoint/store.ts';
import { formatConfig, type ResolvedConfig, readConfig } from '../config/config.ts';
import { isManifest, type Manifest, readManifest, writeManifest } from '../manifest/manifest.ts';
import { anyPosteriorDigest, loadAnyPosterior, saveAnyPosterior } from '../posterior/saved.ts';
import { EVENT_FILE, EventLog } from '../tensorboard/eventLog.ts';
import { makeMemberDirectory, memberDirectory, removeMembers } from '../trainings/memberFiles.ts';
import type { RunReport } from '../trainings/trainings.ts';
import { cutMetrics, type EpochMetrics, MetricsLog, readMetrics } from './metricsLog.ts';

/** Files of a run by what they hold. */
export const RUN_FILES = {
  config: 'config.yaml',
  manifest: 'manifest.json',
  metrics: 'metrics.jsonl',
  posterior: 'posterior.safetensors',
  checkpoint: 'checkpoint.safetensors',
  report: 'report.html',
} as const;
export type RunFile = keyof typeof RUN_FILES;

/** A run directory that is being written. */
export class RunWriter {
  #log: MetricsLog | null = null;
  /** By member; null for what has none. */
  readonly #events = new Map<number | null, EventLog>();

  /** @param dir a directory from createRun or createNumberedRun */
  constructor(readonly dir: string) {}

  path(file: RunFile): string {
    return join(this.dir, RUN_FILES[file]);
  }

  /** Writes config.yaml, its relative paths now starting from the run directory. */
  writeConfig(config: ResolvedConfig): void {
    writeFileAtomic(this.path('config'), formatConfig(config, this.dir));
  }

  writeManifest(manifest: Manifest): void {
    writeManifest(this.path('manifest'), manifest);
  }

  /** Adds a line to metrics.jsonl. */
  logEpoch(metrics: EpochMetrics): void {
    this.#log ??= new MetricsLog(this.path('metrics'));
    this.#log.append(metrics);
  }

  /**
   * Cuts off the epochs that end after a step, damaged lines (reported to `warn`), and returns those that are left.
   * @param ends of each member, the step; of one posterior, that of member 0
   * @throws CheckpointError as cutMetrics
   */
  cutMetrics(ends: readonly number[], warn: (message: string) => void): EpochMetrics[] {
    const path = this.path('metrics');
    if (!statSafely(path, CheckpointError, 'read')) return [];
    const lost = (message: string) => warn(`${message}; its epoch is missing from now on`);
    return cutMetrics(path, ({ member = 0, step }) => step <= (ends[member] ?? 0), lost);
  }

  /** Makes the lines of metrics.jsonl so far outlast a power cut. */
  syncMetrics(): void {
    this.#log?.sync();
  }

  /** Adds an epoch to a TensorBoard event file, which is made with the first; members have files, and so curves, of their own. */
  logEvents(report: RunReport): void {
    const { member } = report;
    let events = this.#events.get(member ?? null);
    if (events === undefined) {
      if (member !== undefined) makeMemberDirectory(this.dir, member);
      events = new EventLog(member === undefined ? this.dir : memberDirectory(this.dir, member));
      this.#events.set(member ?? null, events);
    }
    events.append(report);
  }

  /** @returns the posteriorDigest */
  writePosterior(posterior: AnyPosterior): string {
    return saveAnyPosterior(this.path('posterior'), posterior);
  }

  writeReport(html: string): void {
    writeFileAtomic(this.path('report'), html);
  }

  close(): void {
    this.#log?.close();
    this.#log = null;
    for (const events of this.#events.values()) events.close();
    this.#events.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export interface CreateRunOptions {
  /** Replace a run that is there. */
  readonly force?: boolean;
  /** Files and directories the training reads: none of them may be replaced. */
  readonly reads?: readonly string[];
}

/**
 * Makes a run directory at `dir`, its parents included; one that is there and empty will do. A run in it is replaced only with `force`,
 * and then only the files of a run go: whatever else lies there stays. Write the manifest first: it is what makes the directory a run.
 * @throws ConfigError, in one line, when `dir` is a run, is not empty and no run, holds a file that is read, or cannot be made;
 * CheckpointError when another process is training there
 */
export function createRun(dir: string, options: CreateRunOptions = {}): RunWriter {
  const stat = statSafely(dir, ConfigError, 'write');
  if (stat === undefined) {
    makeDirectory(dir);
    return new RunWriter(dir);
  }
  if (!stat.isDirectory()) throw new ConfigError(mismatch(dir, 'a directory', 'a file', 'choose another'));
  checkUnlocked(dir);
  const names = list(dir).filter((name) => !TEMPORARY_NAME.test(name) && !isLockName(name));
  if (names.length > 0) {
    if (!isManifest(join(dir, RUN_FILES.manifest))) {
      const got = `one with ${names.length} other file${names.length === 1 ? '' : 's'}`;
      throw new ConfigError(mismatch(dir, 'an empty or new directory', got, 'choose another'));
    }
    if (!options.force) {
      throw new ConfigError(
        mismatch(dir, 'an empty or new directory', 'a run', 'choose another or pass --force to replace it'),
      );
    }
  }
  refuseOverwriting(dir, { files: runFiles(dir) }, options.reads ?? []);
  clear(dir);
  return new RunWriter(dir);
}

/** Paths of all files a run has or may have; older checkpoints only where they are there. */
export function runFiles(dir: string): string[] {
  const checkpoints = existsSync(dir) ? new CheckpointStore(dir).paths() : [];
  return [...Object.values(RUN_FILES).map((name) => join(dir, name)), ...checkpoints];
}

/**
 * Makes the directory `parent`/`name`-n, n one above the highest that is there; two processes never get the same.
 * @throws ConfigError if it cannot be made
 */
export function createNumberedRun(parent: string, name: string): RunWriter {
  makeDirectory(parent);
  let n = 1;
  for (const entry of list(parent)) {
    const digits = entry.startsWith(`${name}-`) ? entry.slice(name.length + 1) : '';
    if (/^[1-9]\d{0,8}$/.test(digits)) n = Math.max(n, Number(digits) + 1);
  }
  for (; ; n++) {
    const dir = join(parent, `${name}-${n}`);
    try {
      mkdirSync(dir);
      return new RunWriter(dir);
    } catch (cause) {
      // Another process was quicker: take the next number.
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw fileProblem(ConfigError, dir, 'a directory that can be made', 'write', cause);
    }
  }
}

/** A run directory that was written before. */
export interface Run {
  readonly dir: string;
  readonly config: ResolvedConfig;
  readonly manifest: Manifest;
  path(file: RunFile): string;
  /**
   * The epochs so far; none where metrics.jsonl is not there yet.
   * @param onDamage called for each damaged line, which is then left out
   * @throws CheckpointError if it is damaged
   */
  metrics(onDamage?: (message: string) => void): EpochMetrics[];
  /** The fitted posterior, held to the digest in the manifest. @throws CheckpointError if it is missing, damaged or another one */
  posterior(onWarning?: (message: string) => void): AnyPosterior;
}

/**
 * Opens a run directory.
 * @throws CheckpointError naming the file that is missing or damaged; ConfigError if config.yaml cannot be used
 */
export function openRun(dir: string): Run {
  const stat = statSafely(dir, CheckpointError, 'read');
  if (stat === undefined)
    throw new CheckpointError(mismatch(dir, 'a run directory', 'nothing there', 'check the path'));
  if (!stat.isDirectory())
    throw new CheckpointError(mismatch(dir, 'a run directory', 'a file', 'name the directory it is in'));
  const path = (file: RunFile) => join(dir, RUN_FILES[file]);
  for (const file of ['manifest', 'config'] as const) {
    if (!statSafely(path(file), CheckpointError, 'read')) {
      throw new CheckpointError(
        mismatch(dir, 'a run directory', `one without ${RUN_FILES[file]}`, 'check the path'),
      );
    }
  }
  const manifest = readManifest(path('manifest'));
  const config = readConfig(path('config'));
  return {
    dir,
    config,
    manifest,
    path,
    metrics: (onDamage) =>
      statSafely(path('metrics'), CheckpointError, 'read') ? readMetrics(path('metrics'), onDamage) : [],
    posterior: (onWarning) => openPosterior(path('posterior'), manifest, onWarning),
  };
}

function openPosterior(
  path: string,
  manifest: Manifest,
  onWarning: ((message: string) => void) | undefined,
): AnyPosterior {
  if (!statSafely(path, CheckpointError, 'read')) {
    const got = `no such file (the run is ${manifest.status})`;
    throw new CheckpointError(mismatch(path, 'the posterior of a run', got, 'train it to the end first'));
  }
  const posterior = loadAnyPosterior(path, { onWarning });
  const digest = anyPosteriorDigest(posterior);
  if (manifest.posteriorDigest !== null && digest !== manifest.posteriorDigest) {
    const [expected, got] = [`digest ${manifest.posteriorDigest} of ${RUN_FILES.manifest}`, digest];
    throw new CheckpointError(mismatch(path, expected, got, 'the file was changed after the run'));
  }
  return posterior;
}

/** The manifest makes it a run and goes last, so that what a kill leaves can be replaced by the next try. */
function clear(dir: string): void {
  const stale = list(dir).filter((name) => TEMPORARY_NAME.test(name) || EVENT_FILE.test(name));
  const { manifest, ...others } = RUN_FILES;
  removeMembers(dir, { events: true });
  new CheckpointStore(dir).clear();
  for (const name of [...stale, ...Object.values(others), LOCK_NAME, manifest]) {
    try {
      rmSync(join(dir, name), { force: true });
    } catch (cause) {
      throw fileProblem(ConfigError, join(dir, name), 'a file that can be replaced', 'write', cause);
    }
  }
}

/** @throws ConfigError when it cannot be made */
export function makeDirectory(dir: string): void {
  // Node takes an empty path for the working directory.
  if (dir === '') throw new ConfigError(mismatch('directory', 'a path', 'an empty string', 'name one'));
  try {
    makeMissing(resolve(dir));
  } catch (cause) {
    const isFile = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw fileProblem(
      ConfigError,
      dir,
      'a directory that can be made',
      'write',
      isFile ? { code: 'ENOTDIR' } : cause,
    );
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (cause) {
    throw fileProblem(ConfigError, dir, 'a directory that can be listed', 'read', cause);
  }
}

function statSafely(path: string, type: ErrorType, verb: 'read' | 'write') {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw fileProblem(type, path, 'a path that can be followed', verb, cause);
  }
}
