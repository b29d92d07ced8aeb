// Sets a field of a config by its dotted path, in the config as the user wrote it: for a sweep, or for --set on the command line.

import { ConfigError } from '../../errors.ts';
import { describeValue, mismatch } from '../../messages.ts';

/** Values by dotted path: `{ 'training.epochs': 5 }`. */
export type FieldValues = Readonly<Record<string, unknown>>;

/** Who sets a field, as messages say it. */
export interface SetBy {
  /** The list of fields: `--set`. */
  readonly list: string;
  /** The field in it: `--set training.epochs`. */
  readonly where: string;
  /** `vary`, `set`. */
  readonly verb: string;
}

/**
 * Sets a field of `value` in place. A map above it that the config leaves to its defaults starts from these.
 * @param filled the config with all its defaults, where it can be read without the field
 * @throws ConfigError where the path is none, or leads through what is no map
 */
export function setField(
  value: Record<string, unknown>,
  filled: object | undefined,
  field: string,
  wanted: unknown,
  { list, where, verb }: SetBy,
): void {
  const keys = field.split('.');
  if (keys.some((key) => key === '' || key in Object.prototype)) {
    const expected = 'a field of the config such as training.optimizer.learningRate';
    throw new ConfigError(mismatch(list, expected, describeValue(field), 'correct it'));
  }
  let at = value;
  let defaults: unknown = filled;
  for (const [depth, key] of keys.slice(0, -1).entries()) {
    defaults = (defaults as Record<string, unknown> | undefined)?.[key];
    if (!Object.hasOwn(at, key)) at[key] = startOf(defaults);
    const next = at[key];
    if (!isMap(next)) {
      const above = keys.slice(0, depth + 1).join('.');
      throw new ConfigError(
        mismatch(where, `a map at ${above}`, describeValue(next), `${verb} ${above} as a whole`),
      );
    }
    at = next;
  }
  at[keys[keys.length - 1]] = structuredClone(wanted);
}

/** A map of some kind, and what is no map, starts from its defaults; a section has defaults for what is not written in it. */
function startOf(defaults: unknown): unknown {
  const section = defaults === undefined || (isMap(defaults) && !Object.hasOwn(defaults, 'kind'));
  return section ? {} : structuredClone(defaults);
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
