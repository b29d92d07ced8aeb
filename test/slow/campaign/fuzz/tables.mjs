// Tables of numbers among the arguments of hostile calls: made in every form the library takes, damaged in the ways data gets damaged,
// and judged by the plain reading of the documentation.

const CELLS = [
  null,
  undefined,
  '',
  '1',
  'abc',
  true,
  false,
  [],
  [5],
  {},
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1n,
  Symbol('cell'),
  new Number(1),
  new Date(0),
];

/** Rows of the table that is meant, or null where it is none. */
function rowsOf(value) {
  if (typeof value !== 'object' || value === null) return null;
  if (isNumbers(value)) return value instanceof DataView ? null : Array.from(value, (each) => [each]);
  if (Array.isArray(value)) {
    const listed = Array.from(value);
    if (listed.every((each) => typeof each === 'number')) return listed.map((each) => [each]);
    return listed.every((row) => Array.isArray(row) || (isNumbers(row) && !(row instanceof DataView)))
      ? listed.map((row) => Array.from(row))
      : null;
  }
  if ('rows' in value && 'columns' in value) return shaped(value.data, [value.rows, value.columns]);
  return Array.isArray(value.shape) ? shaped(value.data, value.shape) : null;
}

function isNumbers(value) {
  return ArrayBuffer.isView(value) && !(value instanceof BigInt64Array) && !(value instanceof BigUint64Array);
}

function shaped(data, shape) {
  if (!Array.isArray(data) && !isNumbers(data)) return null;
  if (![1, 2].includes(shape.length) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    return null;
  const [rows, columns = 1] = shape;
  if (rows * columns !== data.length) return null;
  return Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => data[r * columns + c]),
  );
}

/**
 * A table of `columns` (a number, or a function of the row) that a call takes.
 * @param options.cell what a cell may be
 * @param options.finite whether NaN and the infinities are refused
 */
export function table(rows, columns, number, { cell = () => true, finite = true } = {}) {
  const make = (random) => {
    const cells = Array.from({ length: rows }, (_, r) =>
      Array.from({ length: columns }, (_, c) => number(r, c)),
    );
    const flat = cells.flat();
    const forms = [
      cells,
      { data: Float32Array.from(flat), shape: [rows, columns] },
      { data: flat, shape: [rows, columns] },
      { data: Float32Array.from(flat), rows, columns },
      cells.map((row) => Float64Array.from(row)),
      ...(columns === 1 ? [flat, Float32Array.from(flat), { data: flat, shape: [rows] }] : []),
    ];
    return random.pick(forms);
  };
  return {
    make,
    slow: () => false,
    places: () => [],
    mutate: damagedTable,
    valid(value) {
      const read = rowsOf(value);
      if (read === null || read.length === 0) return false;
      return read.every(
        (row) =>
          row.length === columns &&
          row.every((each) => typeof each === 'number' && (!finite || Number.isFinite(each)) && cell(each)),
      );
    },
  };
}

/** A copy with one thing wrong with it. */
function damagedTable(value, random) {
  const cell = random.pick(CELLS);
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const copy = Array.from(value, (row) => (typeof row === 'number' ? row : Array.from(row)));
    const r = random.below(copy.length);
    switch (random.below(7)) {
      case 0:
        copy[r] = cell;
        return copy;
      case 1:
        copy.splice(r, 1);
        return copy;
      case 2:
        // A hole, as `new Array(n)` has them.
        delete copy[r];
        return copy;
      case 3:
        if (Array.isArray(copy[r])) copy[r].pop();
        return copy;
      case 4:
        if (Array.isArray(copy[r])) copy[r].push(1);
        return copy;
      case 5:
        return new BigInt64Array(copy.length);
      default:
        if (Array.isArray(copy[r])) copy[r][random.below(copy[r].length)] = cell;
        else copy[r] = cell;
        return copy;
    }
  }
  const copy = { ...value };
  switch (random.below(5)) {
    case 0:
      copy.data = Array.from(copy.data);
      copy.data[random.below(copy.data.length)] = cell;
      return copy;
    case 1:
      copy.data = random.pick([
        null,
        'abc',
        '12345678',
        new DataView(new ArrayBuffer(8)),
        { length: copy.data.length },
        copy.data.subarray?.(1) ?? [],
      ]);
      return copy;
    case 2:
      if (Array.isArray(copy.shape))
        copy.shape = random.pick([
          [],
          [-1, -2],
          ['4', 2],
          [Number.NaN, 2],
          [2.5, 2],
          [1e9, 1e9],
          [copy.data.length],
          [null],
        ]);
      else copy.rows = random.pick([-1, '4', 2.5, 1e9, Number.NaN]);
      return copy;
    case 3:
      return { data: copy.data };
    default:
      return { ...copy, data: Float32Array.from(copy.data, () => Number.NaN) };
  }
}
