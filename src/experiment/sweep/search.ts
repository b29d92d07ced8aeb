// Which settings a sweep tries: all combinations of the values, or some at random. Setting n of a random search is a function of the
// search's seed, n and the field's name, so more cells, or another field, leave the rest as they are.

import { ConfigError } from '../../errors.ts';
import { exp, log } from '../../math/float64.ts';
import { dotted, mismatch } from '../../messages.ts';
import { deriveKey } from '../../random/seed.ts';
import { PURPOSE, stream } from '../../random/stream.ts';
import { uniform } from '../../random/uniform.ts';
import type { ParsedSweep, Range } from './schema.ts';

/** A value for each field that varies, by its dotted path. */
export type Setting = Readonly<Record<string, unknown>>;

/** Larger counts are almost certainly typos. */
const MAX_SETTINGS = 100_000;
/** Draws that only repeat earlier settings, in a row, before a space of few settings is taken to be used up. */
const MAX_REPEATS = 1_000;
const PLACE = stream(PURPOSE.search, 0);

/** @throws ConfigError, in one line, for a range in a grid or for more settings than can be meant */
export function settings({ search, vary }: Pick<ParsedSweep, 'search' | 'vary'>, file: string): Setting[] {
  if (search.kind === 'random') return drawn(search, vary, file);
  let all: Setting[] = [{}];
  for (const [field, values] of Object.entries(vary)) {
    if (!Array.isArray(values)) {
      const kind = Object.keys(values)[0];
      throw problem(
        `${file}: vary.${dotted([field])}`,
        'a list of values in a grid',
        `a range (${kind})`,
        'list values, or use search: { kind: random, cells: 20 }',
      );
    }
    if (all.length * values.length > MAX_SETTINGS)
      throw tooMany(file, `${all.length * values.length} or more`);
    all = all.flatMap((setting) => values.map((value): Setting => ({ ...setting, [field]: value })));
  }
  return all;
}

function drawn(
  { cells, seed }: { cells: number; seed: string | number },
  vary: ParsedSweep['vary'],
  file: string,
): Setting[] {
  if (cells > MAX_SETTINGS) throw tooMany(file, String(cells));
  const fields = Object.entries(vary).map(([field, values]) => ({
    field,
    values,
    key: deriveKey(seed, field),
  }));
  const found = new Map<string, Setting>();
  for (let n = 0, repeats = 0; found.size < cells && repeats < MAX_REPEATS; n++) {
    const setting = Object.fromEntries(
      fields.map(({ field, values, key }) => [field, pick(values, uniform(key, 0, n, PLACE, 0))]),
    );
    const text = JSON.stringify(setting);
    repeats = found.has(text) ? repeats + 1 : 0;
    if (repeats === 0) found.set(text, setting);
  }
  return [...found.values()];
}

/** The value at u of [0, 1). */
function pick(values: readonly unknown[] | Range, u: number): unknown {
  if (Array.isArray(values)) return values[Math.floor(u * values.length)];
  const { uniform: flat, logUniform, int } = values as Range;
  if (int !== undefined) return int[0] + Math.floor(u * (int[1] - int[0] + 1));
  if (flat !== undefined) return readable(flat[0] + u * (flat[1] - flat[0]), flat);
  const [low, high] = logUniform as [number, number];
  return readable(exp(log(low) + u * (log(high) - log(low))), [low, high]);
}

/** Five digits say all that a search can mean, and fit into tables and configs. */
function readable(value: number, [low, high]: readonly [number, number]): number {
  return Math.min(high, Math.max(low, Number(value.toPrecision(5))));
}

function tooMany(file: string, got: string): ConfigError {
  return problem(`${file}: vary`, `at most ${MAX_SETTINGS} settings`, got, 'vary less at a time');
}

function problem(where: string, expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch(where, expected, got, next));
}
