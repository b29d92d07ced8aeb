// Whether a run can be repeated here: finished, of this kernel epoch, with the config and the data it was trained on. Each refusal names
// the file and the place.

import { createHash } from 'node:crypto';
import { isAbsolute, join } from 'node:path';
import { parse } from 'yaml';
import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import type { LoadedData } from '../../data/load.ts';
import { CheckpointError, ConfigError, DataError } from '../../errors.ts';
import { readTextFile } from '../../files/fileProblems.ts';
import { describeValue, mismatch, oneLine } from '../../messages.ts';
import { nodeBackends } from '../../platform/node/backends.ts';
import { changedField } from '../manifest/configRecord.ts';
import { type SplitRecord, splitRecord } from '../manifest/splitRecord.ts';
import { loadRunData, type PreparedRun, prepareRun, trainingSeed } from './data.ts';
import type { Run } from './directory.ts';

const CONFIG_LIMIT_BYTES = 16_777_216;

/** A run that can be trained again as it was. */
export interface RepeatableRun {
  readonly run: Run;
  readonly prepared: PreparedRun;
  /** The posteriorDigest of its manifest. */
  readonly posteriorDigest: string;
  /** What has changed without changing any bit, and what the manifest is too old to tell. */
  readonly notes: readonly string[];
}

/**
 * Checks a run against its manifest and reads its data.
 * @throws CheckpointError for a run that is not finished or of another kernel epoch, ConfigError for an edited config, DataError for
 *   changed data: one line each, naming the place
 */
export function repeatableRun(run: Run): RepeatableRun {
  const { manifest } = run;
  const where = run.path('manifest');
  if (manifest.status !== 'finished') {
    throw new CheckpointError(
      `${where}: status: expected finished, got ${manifest.status} — train it to the end first`,
    );
  }
  const { posteriorDigest } = manifest;
  if (posteriorDigest === null) {
    throw new CheckpointError(
      `${where}: posteriorDigest: expected the digest of a finished run, got null — the file was changed after the run`,
    );
  }
  checkEpoch(run, 'verify it');
  checkBackends(run);
  const { data, notes } = recordedData(run);
  return { run, prepared: prepareRun(run.config, run.path('config'), data), posteriorDigest, notes };
}

/**
 * The rows of a run, however it ended, held to its manifest: the same config, files and split.
 * @throws ConfigError for an edited config, DataError for changed data, CheckpointError for another split
 */
export function recordedData(run: Run): { data: LoadedData; notes: readonly string[] } {
  const notes = checkConfig(run);
  const data = loadRunData(
    run.config,
    `put it back, or pass --data with where it is now`,
    run.manifest.kernelEpoch,
  );
  checkData(run, data);
  checkSplit(run, data);
  return { data, notes };
}

/**
 * @param todo what is wanted of the run, for the next step an error names
 * @throws CheckpointError for a run of another kernel epoch
 */
export function checkEpoch({ manifest, path }: Run, todo: string): void {
  const { kernelEpoch, varpool } = manifest;
  if (kernelEpoch === KERNEL_EPOCH) return;
  throw new CheckpointError(
    oneLine(
      `${path('manifest')}: kernelEpoch: expected ${KERNEL_EPOCH} (this varpool's), got ${kernelEpoch} — digests differ between epochs: ${todo} with varpool ${varpool}, or train its config.yaml again`,
    ),
  );
}

/** Backends whose bits are those of every other one here. */
export const REPRODUCIBLE = nodeBackends.names.filter((name) => nodeBackends.named(name).reproducible);

function checkBackends({ manifest, path }: Run): void {
  const used = [manifest.backend, ...(manifest.resumptions ?? []).map(({ backend }) => backend)];
  const other =
    used.find((name) => !REPRODUCIBLE.includes(name)) ??
    (manifest.reproducible === false ? manifest.backend : undefined);
  if (other === undefined) return;
  throw new CheckpointError(
    oneLine(
      `${path('manifest')}: backend: expected one whose bits are the same everywhere (${REPRODUCIBLE.join(', ')}), got ${other} — train its config.yaml again with one of these`,
    ),
  );
}

/** @returns notes */
function checkConfig({ manifest, config, path }: Run): string[] {
  const where = path('config');
  const record = manifest.config;
  if (record === undefined) {
    // The one thing such a manifest tells of the config.
    const seed = trainingSeed(config);
    if (seed !== manifest.seed) throw edited(where, 'seed', manifest.seed, seed);
    return [`${path('manifest')}: no record of the config, so an edit would not show`];
  }
  const text = readTextFile(where, 'the config of a run', CONFIG_LIMIT_BYTES, ConfigError);
  if (createHash('sha256').update(text).digest('hex') === record.sha256) return [];
  const changed = changedField(record.values, parse(text));
  if (changed === null) return [`${where}: edited since the run, in nothing that decides a bit`];
  throw edited(where, changed.field, changed.before, changed.now);
}

function edited(where: string, field: string, before: unknown, now: unknown): ConfigError {
  const [expected, got] = [`${describeValue(before)} as in manifest.json`, describeValue(now)];
  const next = 'restore it, or train the edited config as a run of its own';
  return new ConfigError(mismatch(`${where}: ${field}`, expected, got, next));
}

function checkData({ manifest, config, path }: Run, { provenance }: LoadedData): void {
  if (provenance.length !== manifest.data.length) {
    throw new DataError(
      `${path('manifest')}: data: expected the ${manifest.data.length} files of the run, got ${provenance.length} — is config.yaml that of the run?`,
    );
  }
  for (const [i, now] of provenance.entries()) {
    const then = manifest.data[i];
    if (now.sha256 === then.sha256) continue;
    const file = isAbsolute(now.path) ? now.path : join(config.directory, now.path);
    const tell = ({ bytes, sha256, shape }: typeof now) =>
      `${bytes} bytes, [${shape.join(', ')}], sha256 ${sha256.slice(0, 16)}…`;
    throw new DataError(
      oneLine(
        `${file}: expected the file of the run (${tell(then)}), got another content (${tell(now)}) — put the old file back, or train a run on the new one`,
      ),
    );
  }
}

/** The same files and config must give the same rows to each part. */
function checkSplit({ manifest, config, path }: Run, data: LoadedData): void {
  const then = manifest.split?.parts;
  if (then === undefined) return;
  const now: SplitRecord['parts'] = splitRecord(config, data).parts;
  for (const part of ['train', 'validation', 'test'] as const) {
    if (then[part]?.sha256 === now[part]?.sha256) continue;
    const tell = (rows: SplitRecord['parts']['test']) =>
      rows === null ? 'none' : `${rows.rows} rows, sha256 ${rows.sha256.slice(0, 16)}…`;
    throw new CheckpointError(
      oneLine(
        `${path('manifest')}: split.parts.${part}: expected ${tell(then[part])}, got ${tell(now[part])} — this varpool divides rows in another way: verify it with varpool ${manifest.varpool}`,
      ),
    );
  }
}
