// From a sweep file to its cells: one config per setting, seed and data split, each checked before anything runs.

import { dirname, isAbsolute, join, resolve } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { readTextFile } from '../../files/fileProblems.ts';
import { LIMIT_BYTES, parseYaml } from '../../files/text/yamlText.ts';
import { describeValue, dotted, mismatch } from '../../messages.ts';
import { describeProblems } from '../../options/problems.ts';
import { validationMetrics } from '../../scheduler/training/earlyStopping.ts';
import { configOf, configReads, type ResolvedConfig } from '../config/config.ts';
import { configWith } from '../config/configWith.ts';
import { shortNames } from '../config/fieldText.ts';
import { type FieldValues, isMap, setField } from '../config/setField.ts';
import { type ParsedSweep, sweepSchema } from './schema.ts';
import { type Setting, settings } from './search.ts';

/** One training of a sweep. */
export interface SweepCell {
  /** Its setting, by number from 0. */
  readonly setting: number;
  readonly values: Setting;
  readonly seed: string | number;
  readonly split: number | null;
  readonly config: ResolvedConfig;
  /** What messages call it: `learningRate=0.001, split 3`. */
  readonly name: string;
}

export interface Sweep {
  /** As the user named it. */
  readonly file: string;
  /** Files and directories that reading the sweep and training its cells takes. */
  readonly reads: readonly string[];
  readonly settings: readonly Setting[];
  readonly cells: readonly SweepCell[];
  /** How the best setting is chosen; null where cells have no validation rows. */
  readonly select: { readonly metric: string; readonly mode: 'min' | 'max' } | null;
  /** Fields of the config that were set in place of what the files say. */
  readonly set: FieldValues;
}

/**
 * Reads a sweep file and the config it starts from.
 * @param set fields of that config, by their dotted paths, that replace what it says
 * @throws ConfigError, in one line, for anything that no cell, or one of them, could be trained with
 */
export function readSweep(file: string, set: FieldValues = {}): Sweep {
  const text = readTextFile(file, 'a sweep file', LIMIT_BYTES, ConfigError);
  const { value, written } = parseYaml(text, file);
  const parsed = sweepSchema.safeParse(value ?? {});
  if (!parsed.success) throw new ConfigError(describeProblems(file, parsed.error.issues, value, written));
  refuseVaried(parsed.data, set, file);
  const base = readBase(parsed.data, file, set);
  const cells = sweepCells(parsed.data, base, file);
  return {
    file,
    reads: [...new Set([file, base.file, ...cells.cells.flatMap(({ config }) => configReads(config))])],
    settings: cells.settings,
    cells: cells.cells,
    select: selection(parsed.data, cells.cells, file),
    set,
  };
}

/** What every cell starts from. */
interface Base {
  /** As the user wrote it. */
  readonly value: Record<string, unknown>;
  /** With all defaults. */
  readonly config: ResolvedConfig;
  readonly directory: string;
  /** The file it is in. */
  readonly file: string;
}

function readBase({ base, config }: ParsedSweep, file: string, set: FieldValues): Base {
  if ((base === undefined) === (config === undefined)) {
    const got = base === undefined ? 'neither' : 'both';
    throw problem(file, 'either base (a config file) or config (a map)', got, 'keep or add one of the two');
  }
  const path = base === undefined ? file : isAbsolute(base) ? base : join(dirname(file), base);
  const where = base === undefined ? `${file}: config` : path;
  const written =
    config ?? parseYaml(readTextFile(path, 'a config file', LIMIT_BYTES, ConfigError), path).value;
  const directory = resolve(dirname(path));
  const { value, config: resolved } = configWith(written, where, directory, set);
  return { value: value as Record<string, unknown>, config: resolved, directory, file: path };
}

/** What varies has its values from the sweep file. */
function refuseVaried({ vary }: ParsedSweep, set: FieldValues, file: string): void {
  for (const field of Object.keys(set)) {
    const varied = Object.keys(vary).find(
      (other) => other === field || other.startsWith(`${field}.`) || field.startsWith(`${other}.`),
    );
    if (varied === undefined) continue;
    const next = 'leave it out, or correct vary';
    throw problem(`--set ${field}`, `a field that ${file} does not vary`, `vary.${dotted([varied])}`, next);
  }
}

function sweepCells(sweep: ParsedSweep, base: Base, file: string) {
  const all = settings(sweep, file);
  const splits = splitNumbers(sweep.repeat.splits, file);
  const usesSplit = JSON.stringify([base.value, sweep.vary]).includes('{split}');
  if (usesSplit !== (splits !== null)) {
    throw usesSplit
      ? problem(`${file}: repeat.splits`, 'numbers for {split}', 'nothing', 'add for example splits: 20')
      : problem(
          `${file}: repeat.splits`,
          '{split} somewhere in the config',
          'none',
          'write it in a path, such as splits/index_test_{split}.txt',
        );
  }
  const { seeds } = sweep.repeat;
  if (seeds !== undefined && Object.hasOwn(sweep.vary, 'seed')) {
    throw problem(
      `${file}: repeat.seeds`,
      'no seeds next to vary.seed',
      describeValue(seeds),
      'keep one of the two',
    );
  }
  const count = all.length * (splits?.length ?? 1) * (Array.isArray(seeds) ? seeds.length : (seeds ?? 1));
  if (count > MAX_CELLS)
    throw problem(
      `${file}: repeat`,
      `at most ${MAX_CELLS} cells`,
      `${count}`,
      'repeat or vary less at a time',
    );
  const short = shortNames(Object.keys(sweep.vary));
  const cells = all.flatMap((values, setting) => {
    const shown = Object.entries(values).map(
      ([field, value]) => `${short.get(field)}=${JSON.stringify(value)}`,
    );
    return (splits ?? [null]).flatMap((split) => {
      const changed = withSetting(base, values, file);
      const filled = (split === null ? changed : fillIn(changed, split)) as Record<string, unknown>;
      const own = (filled.seed as string | number | undefined) ?? base.config.seed;
      const list = seeds === undefined ? [own] : typeof seeds === 'number' ? numbered(own, seeds) : seeds;
      return list.map((seed): SweepCell => {
        const parts = [
          ...shown,
          ...(seeds === undefined ? [] : [`seed ${seed}`]),
          ...(split === null ? [] : [`split ${split}`]),
        ];
        const name = parts.join(', ') || 'the only cell';
        const config = configOf({ ...filled, seed }, `${file}: cell ${name}`, base.directory);
        return { setting, values, seed, split, config, name };
      });
    });
  });
  return { settings: all, cells };
}

function numbered(seed: string | number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${seed}/${n}`);
}

/** Larger counts are almost certainly typos. */
const MAX_CELLS = 100_000;

function splitNumbers(given: ParsedSweep['repeat']['splits'], file: string): number[] | null {
  if (given === undefined) return null;
  const parts = typeof given === 'number' ? [`0..${given - 1}`] : typeof given === 'string' ? [given] : given;
  const numbers = parts.flatMap((part) => {
    if (typeof part === 'number') return [part];
    const [first, last] = part.split('..').map(Number);
    const length = Math.max(0, last - first + 1);
    if (length > MAX_CELLS)
      throw problem(`${file}: repeat.splits`, `at most ${MAX_CELLS}`, `${length}`, 'use fewer');
    return Array.from({ length }, (_, n) => first + n);
  });
  if (numbers.length > 0 && new Set(numbers).size === numbers.length) return numbers;
  const got = numbers.length === 0 ? 'an empty range' : 'one of them twice';
  throw problem(`${file}: repeat.splits`, 'different numbers', got, 'correct the list');
}

/** The base with the values of a setting in place. */
function withSetting(base: Base, setting: Setting, file: string): Record<string, unknown> {
  const value = structuredClone(base.value);
  for (const [field, wanted] of Object.entries(setting)) {
    const where = `${file}: vary.${dotted([field])}`;
    setField(value, base.config, field, wanted, { list: `${file}: vary`, where, verb: 'vary' });
  }
  return value;
}

/** A copy with {split} in every string replaced. */
function fillIn(value: unknown, split: number): unknown {
  if (typeof value === 'string') return value.replaceAll('{split}', String(split));
  if (Array.isArray(value)) return value.map((item) => fillIn(item, split));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillIn(item, split)]));
}

/** How the best is chosen, if the rows allow it. */
function selection({ select }: ParsedSweep, cells: readonly SweepCell[], file: string): Sweep['select'] {
  const without = cells.find(({ config }) => config.data.validation === undefined);
  if (without !== undefined) {
    if (select === undefined) return null;
    const where = `${file}: cell ${without.name}: data.validation`;
    throw problem(where, 'rows to tell the best setting by', 'none', 'add for example validation: 100');
  }
  const chosen = select ?? { metric: 'validation.nll' as const, mode: 'min' as const };
  for (const { config, name } of cells) {
    const known = validationMetrics(config.likelihood).map((metric) => `validation.${metric}`);
    if (known.includes(chosen.metric)) continue;
    const where = `${file}: select.metric`;
    const expected = `${known.join(', ')} for a ${config.likelihood.kind} likelihood (cell ${name})`;
    throw problem(where, expected, describeValue(chosen.metric), 'use one of these');
  }
  return chosen;
}

function problem(where: string, expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch(where, expected, got, next));
}
