// Trains the cells of a sweep side by side, each into a run directory of its own, and writes down how each ended. What is finished is
// not done again; one that fails does not stop the rest.

import { join, relative, resolve } from 'node:path';
import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import type { AnyPosterior } from '../../core/posterior.ts';
import type { FileProvenance } from '../../data/dataset.ts';
import type { LoadedData } from '../../data/load.ts';
import { CheckpointError, ConfigError, DivergedError } from '../../errors.ts';
import { EXECUTORS } from '../../jobs/executors/index.ts';
import type { Job } from '../../jobs/job.ts';
import { oneLine } from '../../messages.ts';
import { kernelBuild } from '../../platform/node/kernelFile.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Evaluation } from '../../scheduler/training/reports.ts';
import { isManifest } from '../manifest/manifest.ts';
import { currentPlatform, varpoolVersion } from '../provenance.ts';
import { type PreparedRun, trainingData } from '../run/data.ts';
import { createRun, RUN_FILES } from '../run/directory.ts';
import { runJob } from '../run/job.ts';
import { openResume, type ResumePoint } from '../run/resume.ts';
import { trainRun } from '../run/train.ts';
import type { Sweep, SweepCell } from './cells.ts';
import { lanesFor, type Need, need, SweepData } from './data.ts';
import { type CellResult, SWEEP_VERSION, type SweepDirectory, type SweepManifest } from './directory.ts';

export interface SweepOptions {
  readonly signal?: AbortSignal;
  /** Called when a cell has ended, with how many of the sweep's have by now. */
  readonly onCell?: ((cell: SweepCell, result: CellResult, ended: number) => void) | undefined;
  /** Called with a message about damaged files of a cell, which is trained again. */
  readonly onWarning?: (message: string) => void;
}

/** Enough to see a cell that went wrong; a validation of a small network takes longer than many of its epochs. */
const CURVE_POINTS = 10;

/** A cell with what it would be, or is, called on disk. */
interface KeyedCell {
  readonly cell: SweepCell;
  readonly key: string;
}

/** What a cell takes, and the job that makes it. */
interface Plan {
  readonly need: Need;
  readonly job: Job;
}

/**
 * Runs all cells that have not ended yet, and returns how each cell did, in the order of the cells.
 * @throws ConfigError or DataError before anything runs; the signal's reason, with every result so far on the disk
 */
export async function runSweep(
  sweep: Sweep,
  directory: SweepDirectory,
  runtime: Runtime,
  { signal, onCell, onWarning = () => undefined }: SweepOptions = {},
): Promise<ReadonlyMap<SweepCell, CellResult>> {
  const started = performance.now();
  const data = new SweepData();
  const cells = sweep.cells.map((cell) => ({ cell, key: directory.key(cell.config) }));
  refuseTwins(cells, sweep.file);
  // All of them, so that nothing runs when one cannot.
  const plans = new Map(
    cells.map((keyed) => {
      const prepared = data.prepared(keyed.cell, sweep.file);
      return [keyed, { need: need(prepared), job: runJob(prepared) }];
    }),
  );
  const kernels = runtime.backend === 'reference' ? null : await kernelBuild();
  const first = startManifest(sweep, directory, runtime, kernels, data.provenance);
  refuseChanges(directory, first);
  directory.writeManifest(first);
  const ended = endedCells(cells, directory.results);
  const note = (status: SweepManifest['status']) =>
    directory.writeManifest({
      ...first,
      status,
      endedAt: new Date().toISOString(),
      finished: [...ended.values()].filter((result) => result.status === 'finished').length,
      failed: [...ended.values()].filter((result) => result.status !== 'finished').length,
      wallSeconds: first.wallSeconds + (performance.now() - started) / 1000,
    });
  const planOf = (cell: KeyedCell) => plans.get(cell) as Plan;
  // The longest first: then the last ones to end are short, and no worker waits long for them.
  const todo = cells
    .filter(({ cell }) => !ended.has(cell))
    .sort((a, b) => planOf(b).need.work - planOf(a).need.work);
  const jobs = new Map(todo.map((keyed) => [planOf(keyed).job, keyed]));
  const cellOf = (job: Job) => jobs.get(job) as KeyedCell;
  const train = (job: Job) => {
    const keyed = cellOf(job);
    const prepared = () => data.prepared(keyed.cell, sweep.file);
    return runCell(keyed, prepared, directory, runtime, { signal, onWarning });
  };
  // Cells whose results cannot be written down are not trained.
  const onResult = (job: Job, result: CellResult | null) => {
    if (result === null) return;
    directory.append(result);
    const { cell } = cellOf(job);
    ended.set(cell, result);
    onCell?.(cell, result, ended.size);
  };
  const executor = EXECUTORS.local(
    lanesFor(
      todo.map((cell) => planOf(cell).need),
      runtime.workers,
    ),
  );
  try {
    await executor.execute([...jobs.keys()], train, { signal, onResult });
  } finally {
    note(ended.size === cells.length ? 'finished' : 'interrupted');
  }
  signal?.throwIfAborted();
  return new Map(cells.map(({ cell }) => [cell, ended.get(cell) as CellResult]));
}

/** The cells that have ended, as the directory has it. */
export function sweepResults(sweep: Sweep, directory: SweepDirectory): ReadonlyMap<SweepCell, CellResult> {
  const cells = sweep.cells.map((cell) => ({ cell, key: directory.key(cell.config) }));
  return endedCells(cells, directory.results, ['finished', 'diverged', 'failed']);
}

/** Trains and measures one cell; null when it was interrupted. */
async function runCell(
  { cell, key }: KeyedCell,
  prepare: () => PreparedRun,
  directory: SweepDirectory,
  runtime: Runtime,
  { signal, onWarning }: { signal: AbortSignal | undefined; onWarning: (message: string) => void },
): Promise<CellResult | null> {
  const started = performance.now();
  const run = directory.run(key);
  const about = { key, setting: { ...cell.values }, seed: cell.seed, split: cell.split, run };
  let validation: Evaluation | null = null;
  try {
    const at = join(directory.dir, run);
    // A cell that was cut short resumes from its checkpoint, where it has one.
    const point = await resumePoint(at, onWarning);
    const prepared = point?.prepared ?? prepare();
    const { data, config } = prepared;
    const options = { draws: config.prediction.draws, ...(signal === undefined ? {} : { signal }) };
    const on = (table: LoadedData['test'], posterior: AnyPosterior) =>
      table === null ? null : runtime.evaluate(posterior, trainingData(table), options);
    const writer = point?.run ?? createRun(at, { force: true });
    const trained = await trainRun(prepared, runtime, writer, {
      ...(point === null ? {} : { resume: point }),
      ...(signal === undefined ? {} : { signal }),
      onWarning,
      validations: CURVE_POINTS,
      measure: async (posterior) => {
        validation = await on(data.validation, posterior);
        return on(data.test, posterior);
      },
    });
    return {
      ...about,
      status: 'finished',
      posteriorDigest: trained.posteriorDigest,
      validation: finite(validation),
      test: finite(trained.test),
      epochs: trained.manifest.epochs,
      // Each member of an ensemble keeps one of its own: the manifest of the cell's run tells which.
      epochKept:
        trained.manifest.members === undefined
          ? (trained.manifest.selection?.epoch ?? trained.manifest.epochs)
          : null,
      seconds: (performance.now() - started) / 1000,
      error: null,
    };
  } catch (error) {
    if (signal?.aborted) return null;
    return {
      ...about,
      status: error instanceof DivergedError ? 'diverged' : 'failed',
      posteriorDigest: null,
      validation: null,
      test: null,
      epochs: 0,
      epochKept: null,
      seconds: (performance.now() - started) / 1000,
      error: oneLine(error instanceof Error ? error.message : String(error)),
    };
  }
}

/** Where a cell resumes; null where it begins (again). */
async function resumePoint(dir: string, warn: (message: string) => void): Promise<ResumePoint | null> {
  if (!isManifest(join(dir, RUN_FILES.manifest))) return null;
  try {
    const point = await openResume(dir, warn);
    if ('finished' in point) return null;
    const begun = point.points.some(({ posterior, found }) => posterior ?? found);
    return begun || point.posterior !== null ? point : null;
  } catch (error) {
    // Damaged, or of something that was begun differently: the cell is known by its config and can be done anew.
    if (error instanceof CheckpointError || error instanceof ConfigError) return null;
    throw error;
  }
}

/** JSON has no number for what is not finite. */
function finite(evaluation: Evaluation | null): CellResult['test'] {
  if (evaluation === null) return null;
  return Object.fromEntries(
    Object.entries(evaluation).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
  );
}

/** Results by cell. What diverged diverges again; what failed otherwise may have run out of memory or disk, and gets another try. */
function endedCells(
  cells: readonly KeyedCell[],
  results: readonly CellResult[],
  kinds: readonly CellResult['status'][] = ['finished', 'diverged'],
): Map<SweepCell, CellResult> {
  const byKey = new Map(results.map((result) => [result.key, result]));
  const ended = new Map<SweepCell, CellResult>();
  for (const { cell, key } of cells) {
    const result = byKey.get(key);
    if (result !== undefined && kinds.includes(result.status)) ended.set(cell, result);
  }
  return ended;
}

/** Two equal cells would be one, counted twice. */
function refuseTwins(cells: readonly KeyedCell[], file: string): void {
  const seen = new Map<string, SweepCell>();
  for (const { cell, key } of cells) {
    const twin = seen.get(key);
    if (twin !== undefined) {
      throw new ConfigError(
        oneLine(
          `${file}: expected every cell to differ, got the same config in ${twin.name} and ${cell.name} — remove one`,
        ),
      );
    }
    seen.set(key, cell);
  }
}

function startManifest(
  sweep: Sweep,
  directory: SweepDirectory,
  runtime: Runtime,
  kernels: SweepManifest['kernels'],
  data: readonly FileProvenance[],
): SweepManifest {
  const { earlier } = directory;
  return {
    formatVersion: SWEEP_VERSION,
    varpool: varpoolVersion(),
    status: 'running',
    startedAt: earlier?.startedAt ?? new Date().toISOString(),
    endedAt: null,
    source: relative(resolve(directory.dir), resolve(sweep.file)).replaceAll('\\', '/'),
    settings: sweep.settings.length,
    cells: sweep.cells.length,
    select: sweep.select,
    ...(Object.keys(sweep.set).length === 0 ? {} : { set: sweep.set }),
    backend: runtime.backend,
    workers: runtime.workers,
    kernels: kernels ? { sources: kernels.sources, wasm: kernels.wasm } : (earlier?.kernels ?? null),
    kernelEpoch: KERNEL_EPOCH,
    // True only if every process that worked on it was reproducible.
    reproducible: runtime.reproducible && earlier?.reproducible !== false,
    platform: currentPlatform(),
    // Files of cells that an edited sweep no longer has are remembered: it may have them again.
    data: [
      ...(earlier?.data ?? []).filter((old) => data.every(({ path }) => path !== old.path)),
      ...data.map(({ path, bytes, sha256, shape }) => ({ path, bytes, sha256, shape: [...shape] })),
    ],
    wallSeconds: earlier?.wallSeconds ?? 0,
  };
}

/** Results of another arithmetic or of other rows do not belong into one table. */
function refuseChanges({ dir, earlier }: SweepDirectory, now: SweepManifest): void {
  if (earlier === null) return;
  const next = 'begin again with --force, or choose another directory';
  if (earlier.kernelEpoch !== now.kernelEpoch) {
    const expected = `kernel epoch ${earlier.kernelEpoch} as in its finished cells`;
    throw new CheckpointError(`${dir}: expected ${expected}, got ${now.kernelEpoch} — ${next}`);
  }
  const known = new Map(earlier.data.map(({ path, sha256 }) => [path, sha256]));
  for (const { path, sha256 } of now.data) {
    const before = known.get(path);
    if (before === undefined || before === sha256) continue;
    const [was, is] = [before, sha256].map((hash) => `SHA-256 ${hash.slice(0, 12)}…`);
    throw new CheckpointError(
      oneLine(`${path}: expected ${was} as in the finished cells of ${dir}, got ${is} — ${next}`),
    );
  }
}
