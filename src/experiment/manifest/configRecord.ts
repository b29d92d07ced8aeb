// What a manifest keeps of config.yaml, so that an edited config is noticed and the edited field can be named.

import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import * as z from 'zod';
import { type Change, changes } from '../../files/text/jsonChanges.ts';
import { hash } from './fields.ts';

export const configRecordSchema = z.object(
  {
    /** Of the text of config.yaml. */
    sha256: hash,
    /** What that text says. */
    values: z.record(z.string(), z.json(), { error: 'a map' }),
  },
  { error: 'sha256 and values' },
);
export type ConfigRecord = z.output<typeof configRecordSchema>;

/** The record of a config.yaml as formatConfig wrote it. */
export function configRecord(text: string): ConfigRecord {
  return { sha256: createHash('sha256').update(text).digest('hex'), values: parse(text) };
}

/** Fields of `data` that say where files are, not what is in them: the hashes of the files answer for that. */
const PLACES = new Set(
  'dir path testPath features targets testIndices trainIndices target.file features.file'
    .split(' ')
    .map((key) => `data.${key}`),
);
/** Fields that say what is written down on the way: no bit of the result depends on them. */
const HABITS = new Set(['checkpoint', 'logging', 'training.diagnostics']);

/** The fields of a config that decide the result of its run. */
export function decidingFields(values: ConfigRecord['values'], path = ''): ConfigRecord['values'] {
  const fields = Object.entries(values).flatMap(([key, value]) => {
    const field = path === '' ? key : `${path}.${key}`;
    if (HABITS.has(field) || (PLACES.has(field) && typeof value === 'string')) return [];
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    return [[key, isMap ? decidingFields(value, field) : value] as const];
  });
  return Object.fromEntries(fields);
}

/**
 * The first field in which two configs differ, in the order of the first; null where the same follows from both. Files that lie
 * elsewhere, and other things kept on the way, are no difference.
 */
export function changedField(before: ConfigRecord['values'], now: ConfigRecord['values']): Change | null {
  const moved = ({ field, before: from, now: to }: Change) =>
    HABITS.has(field) || (PLACES.has(field) && typeof from === 'string' && typeof to === 'string');
  return changes(before, now, moved)[0] ?? null;
}
