// Descriptions of arguments that can make a valid value, put something hostile in one place of it, and say whether what came out must
// be refused. `valid` means "may be taken": a clear refusal is right as well.

/** What programs, JSON, forms and typing mistakes hand over in place of a number, a string or options. */
export const HOSTILE = [
  null,
  undefined,
  true,
  false,
  '',
  '3',
  ' 5 ',
  'abc',
  'adam',
  'toString',
  '__proto__',
  '\u0000',
  '💥\nline',
  'x'.repeat(5000),
  [],
  [5],
  [null],
  [[1, 2]],
  {},
  { kind: 'toString' },
  { kind: null },
  { length: 3 },
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -1,
  -0,
  0,
  0.5,
  1.5,
  1e9,
  1e12,
  2 ** 31,
  2 ** 32 + 1,
  2 ** 53,
  1e308,
  5e-324,
  10n,
  Symbol('hostile'),
  () => 1,
  new Date(0),
  new Map([['draws', 3]]),
  Object.create(null),
  /x/,
  new Number(3),
  new String('adam'),
  Promise.resolve(3),
  new Float32Array(2),
  new ArrayBuffer(8),
  Buffer.from('abc'),
];

/** Names people write in place of the right one, and names every object has. */
const WRONG_NAMES = [
  'learningRate',
  'learning_rate',
  'batch_size',
  'hidden',
  'worker',
  'drawz',
  'epoch',
  'sigma',
  'toString',
  'constructor',
  'valueOf',
  'hasOwnProperty',
];

/** A value with a rule of its own. @param slow what is valid but takes too long to try */
export function leaf(valid, make, slow = () => false) {
  return { valid, make, slow, places: () => [] };
}

/** A whole number from 1 to `limit`; above `slow` it is valid, but not tried. */
export const count = ({ make = (random) => 1 + random.below(3), slow = 50, limit = 2 ** 31 } = {}) =>
  leaf(
    (v) => Number.isSafeInteger(v) && v >= 1 && v <= limit,
    make,
    (v) => typeof v === 'number' && v > slow && v <= limit,
  );
export const above = (low, make) => leaf((v) => typeof v === 'number' && Number.isFinite(v) && v > low, make);
export const between = (low, high, make) => leaf((v) => typeof v === 'number' && v > low && v < high, make);
export const oneOf = (...values) =>
  leaf(
    (v) => values.includes(v),
    (random) => random.pick(values),
  );
export const seed = leaf(
  (v) => typeof v === 'string' || Number.isSafeInteger(v),
  (random) => random.pick(['s', 7, 'é']),
);
export const callback = (make = () => () => undefined) => leaf((v) => typeof v === 'function', make);
/** Something a part of which cannot sensibly be mistaken: it is taken as it is, and only put in the wrong place. */
export const given = (make, valid = () => false) => ({
  ...leaf((v, made) => v === made || valid(v), make),
  given: true,
});

/**
 * A map with known names; those of `optional` may be absent or undefined.
 * @param loose data rather than options: it may carry further names
 * @param kept those of `optional` that every valid value is made with
 */
export function options(fields, optional = [], { loose = false, kept = [] } = {}) {
  return {
    valid(value, made) {
      if (!isPlain(value)) return false;
      const known = Object.keys(fields);
      if (!loose && Reflect.ownKeys(value).some((key) => !known.includes(key))) return false;
      return known.every((key) =>
        value[key] === undefined ? optional.includes(key) : fields[key].valid(value[key], made?.[key]),
      );
    },
    slow: (value) => isPlain(value) && Object.keys(fields).some((key) => fields[key].slow(value[key])),
    make(random) {
      const chosen = Object.keys(fields).filter(
        (key) => !optional.includes(key) || kept.includes(key) || random.chance(0.4),
      );
      return Object.fromEntries(chosen.map((key) => [key, fields[key].make(random)]));
    },
    places: (value) => [
      ...Object.keys(fields).flatMap((key) => inside(fields[key], value[key], key)),
      // A name that is not known.
      ...(loose ? [] : [{ path: [], wrongName: true }]),
    ],
  };
}

/** A list of one kind of value. */
export function list(item, make, limits = { min: 0 }) {
  return {
    valid: (value, made) =>
      Array.isArray(value) &&
      value.length >= limits.min &&
      Array.from(value).every((each, i) => item.valid(each, made?.[i])),
    slow: (value) => Array.isArray(value) && value.some((each) => item.slow(each)),
    make: (random) => make?.(random) ?? [item.make(random)],
    places: (value) => value.flatMap((each, i) => inside(item, each, i)),
  };
}

/** Any of several forms; the first makes the valid value. */
export function either(...forms) {
  return {
    valid: (value, made) => forms.some((form) => form.valid(value, made)),
    slow: (value) => forms.some((form) => form.slow(value)),
    make: (random) => random.pick(forms).make(random),
    places: (value) => forms.find((form) => form.valid(value, value))?.places(value) ?? [],
  };
}

function inside(schema, value, key) {
  if (value === undefined) return [{ path: [key] }];
  const deeper = schema.places(value).map((place) => ({ ...place, path: [key, ...place.path] }));
  return [{ path: [key], mutate: schema.mutate }, ...deeper];
}

function isPlain(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Puts something hostile, of `pool`, in a random place of a list of arguments.
 * @returns the arguments, whether they must be refused, and where what was put
 */
export function mutated(schemas, args, random, pool = HOSTILE) {
  for (;;) {
    const places = schemas.flatMap((schema, i) => inside(schema, args[i], i));
    const place = random.pick(places);
    const [out, what] = replaced(args, place, random, pool);
    if (schemas.some((schema, i) => schema.slow(out[i]))) continue;
    const valid = schemas.every(
      (schema, i) => (out[i] === undefined && schema.omittable) || schema.valid(out[i], args[i]),
    );
    return { args: out, refuse: !valid, where: place.path.join('.'), what };
  }
}

function replaced(args, { path, mutate, wrongName }, random, pool) {
  const root = [...args];
  let holder = root;
  for (const key of path.slice(0, wrongName ? undefined : -1)) {
    const copy = Array.isArray(holder[key]) ? [...holder[key]] : { ...holder[key] };
    holder[key] = copy;
    holder = copy;
  }
  if (wrongName) {
    const name = random.pick(WRONG_NAMES);
    Object.defineProperty(holder, name, {
      value: random.pick([1, 'adam', [3]]),
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return [root, `a key ${name}`];
  }
  const key = path.at(-1);
  const value = mutate !== undefined && random.chance(0.7) ? mutate(holder[key], random) : random.pick(pool);
  holder[key] = value;
  return [root, describe(value)];
}

/** A value as a person would write it into a program. */
export function describe(value, depth = 0) {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 20)}… (${value.length})` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.length ?? value.byteLength})`;
  if (depth > 2) return '…';
  if (Array.isArray(value)) {
    const shown = Array.from(value.slice(0, 6), (each) => describe(each, depth + 1));
    const odd = Array.from(value).findIndex((each, i) => i > 5 && typeof each !== typeof value[0]);
    const further = odd < 0 ? '' : `, … ${odd}: ${describe(value[odd], depth + 1)}`;
    return `[${shown.join(', ')}${further}${value.length > 6 ? `, … (${value.length})` : ''}]`;
  }
  if (!isPlain(value)) return `a ${value.constructor?.name ?? 'nameless object'}`;
  return `{ ${Object.entries(value)
    .map(([key, each]) => `${key}: ${describe(each, depth + 1)}`)
    .join(', ')} }`;
}
