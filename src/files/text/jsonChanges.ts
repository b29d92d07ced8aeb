// Where two pieces of plain data (JSON, YAML) differ, by the path of the field.

/** A field that is not what it was; `undefined` where it is not there. */
export interface Change {
  /** `training.epochs`, `model.hiddenSizes[1]` */
  readonly field: string;
  readonly before: unknown;
  readonly now: unknown;
}

/**
 * Every leaf in which two pieces of plain data differ, in the order of the first; 0 and −0 differ, undefined is as good as absent.
 * @param same says of a field that it counts as equal whatever it holds
 */
export function changes(
  before: unknown,
  now: unknown,
  same: (change: Change) => boolean = () => false,
  field = '',
): Change[] {
  if (Object.is(before, now) || same({ field, before, now })) return [];
  if (Array.isArray(before) && Array.isArray(now)) {
    const indices = [...Array(Math.max(before.length, now.length)).keys()];
    return indices.flatMap((i) => changes(before[i], now[i], same, `${field}[${i}]`));
  }
  if (!isMap(before) || !isMap(now)) return [{ field, before, now }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return keys.flatMap((key) =>
    changes(own(before, key), own(now, key), same, field === '' ? key : `${field}.${key}`),
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Not what Object.prototype has under that name. */
function own(map: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}
