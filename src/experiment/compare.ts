// Runs beside each other: in which fields of their configs they differ, what each came to, and whether those numbers compare at all.

import { parse } from 'yaml';
import { ConfigError } from '../errors.ts';
import { changes } from '../files/text/jsonChanges.ts';
import { mismatch } from '../messages.ts';
import { isOfOneTarget } from '../scheduler/prediction/targetMetrics.ts';
import { formatConfig } from './config/config.ts';
import type { Run } from './run/directory.ts';

/** One run of a comparison. */
export interface ComparedRun {
  readonly run: string;
  readonly status: string;
  /** The fields the runs differ in, by their dotted paths; what a config lacks is missing. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Metrics on the test rows; null where there are none (yet). */
  readonly test: Readonly<Record<string, number | null>> | null;
  readonly members: number | null;
  readonly epochs: number;
  readonly wallSeconds: number;
  readonly posteriorDigest: string | null;
  /** The least test NLL, where the runs compare. */
  readonly best: boolean;
}

export interface Comparison {
  /** Whether all were measured on the same test rows. */
  readonly comparable: boolean;
  /** Why they were not, or what is not known of it. */
  readonly notes: readonly string[];
  readonly fields: readonly string[];
  /** Names of metrics of all targets together, in the order of the manifests. */
  readonly metrics: readonly string[];
  readonly runs: readonly ComparedRun[];
}

/** Names in an evaluation that are no metrics. */
const COUNTS = new Set(['rows', 'draws']);
/** Fields that say what is kept on the way. */
const HABITS = ['checkpoint', 'logging', 'training.diagnostics'];
/** Maps of the columns of one table: of another they differ as a whole. */
const TABLES = ['data.columns'];

/** @throws ConfigError for fewer than two runs */
export function compareRuns(runs: readonly Run[]): Comparison {
  if (runs.length < 2)
    throw new ConfigError(mismatch('compare', 'two runs or more', String(runs.length), 'name another'));
  const configs = runs.map(({ config, dir }) => parse(formatConfig(config, dir)) as unknown);
  const habit = ({ field }: { field: string }) => HABITS.includes(field);
  const fields = [
    ...new Set(
      configs
        .slice(1)
        .flatMap((config) => changes(configs[0], config, habit).map(({ field }) => wholeField(field))),
    ),
  ];
  const metrics = [...new Set(runs.flatMap(({ manifest }) => Object.keys(manifest.test ?? {})))].filter(
    (name) => !COUNTS.has(name) && !isOfOneTarget(name),
  );
  const notes = differences(runs);
  const nll = runs.map(({ manifest }) => manifest.test?.nll ?? Number.POSITIVE_INFINITY);
  const least = nll.reduce((best, value, i) => (value < nll[best] ? i : best), 0);
  return {
    comparable: notes.length === 0,
    notes,
    fields,
    metrics,
    runs: runs.map(({ dir, manifest }, r) => ({
      run: dir,
      status: manifest.status,
      config: Object.fromEntries(fields.map((field) => [field, valueAt(configs[r], field)])),
      test: manifest.test,
      members: manifest.members?.length ?? null,
      epochs: manifest.epochs,
      wallSeconds: manifest.wallSeconds,
      posteriorDigest: manifest.posteriorDigest,
      best: notes.length === 0 && r === least,
    })),
  };
}

function wholeField(field: string): string {
  return TABLES.find((table) => field.startsWith(`${table}.`)) ?? field;
}

/** What keeps the metrics of runs from being compared. */
function differences(runs: readonly Run[]): string[] {
  const without = runs.filter(({ manifest }) => manifest.test === null);
  if (without.length > 0) {
    const names = without.map(({ dir, manifest }) => `${dir} (${manifest.status})`).join(', ');
    return [`no test metrics of ${names}`];
  }
  const unknown = runs.filter(({ manifest }) => manifest.split === undefined);
  if (unknown.length > 0)
    return [`which rows ${unknown.map(({ dir }) => dir).join(', ')} was tested on is not recorded`];
  const rows = runs.map(({ manifest }) =>
    JSON.stringify([manifest.split?.parts.test?.sha256, manifest.data.map(({ sha256 }) => sha256)]),
  );
  const others = runs.filter((_, r) => rows[r] !== rows[0]);
  if (others.length === 0) return [];
  const names = others.map(({ dir }) => dir).join(', ');
  return [`${names}: tested on other rows than ${runs[0].dir}, so their metrics do not compare`];
}

function valueAt(config: unknown, field: string): unknown {
  let value = config;
  for (const key of field.split(/\.|(?=\[)/)) {
    if (typeof value !== 'object' || value === null) return undefined;
    const index = /^\[(\d+)\]$/.exec(key)?.[1];
    value =
      index === undefined ? (value as Record<string, unknown>)[key] : (value as unknown[])[Number(index)];
  }
  return value;
}
