// From timings to the tables: each case with what others took for the same, and the rows by which the project is judged.

import { peaks, rooflineMs } from '../../dist/bench/roofline.js';
import { spread } from '../../dist/bench/statistics.js';
import { columns, time } from '../../dist/bench/table.js';

const BIG = '784-1200-1200-10';
const MIDDLE = '784-400-400-10';

const ratioText = (value) => (value >= 10 ? value.toFixed(0) : value.toFixed(2));

/** Ratio of medians, and the middle half of the ratios round by round. */
function ratioOf(slow, fast) {
  const pairs = slow.times.map((ms, round) => ms / fast.times[round]).filter(Number.isFinite);
  const { q1, q3 } = spread(pairs);
  return { value: slow.ms.median / fast.ms.median, q1, q3 };
}

/** A table a case: who, how long, and how often varpool's backends do it in that time. */
export function caseTables(results) {
  const names = [...new Set(results.map((entrant) => entrant.case))].filter(
    (name) => !name.startsWith('limit '),
  );
  return names
    .map((name) => {
      const field = results.filter((entrant) => entrant.case === name);
      const best = (backend) =>
        field
          .filter(({ kind, variant }) => kind === 'varpool' && variant.startsWith(backend))
          .sort((a, b) => a.ms.median - b.ms.median)[0];
      const [native, wasm] = [best('native'), best('wasm')];
      const lines = [...field]
        .sort((a, b) => a.ms.median - b.ms.median)
        .map((entrant) => [
          entrant.kind === 'varpool'
            ? `varpool ${entrant.variant.replace(' ', ', workers: ')}`
            : `${entrant.kind}, ${entrant.variant}`,
          time(entrant.ms.median),
          `${time(entrant.ms.min)} – ${time(entrant.ms.max)}`,
          native === undefined ? '–' : ratioText(entrant.ms.median / native.ms.median),
          wasm === undefined ? '–' : ratioText(entrant.ms.median / wasm.ms.median),
        ]);
      return `${name}\n${columns([['', 'median', 'min – max', '÷ native', '÷ wasm'], ...lines], 1)}`;
    })
    .join('\n');
}

/**
 * The rows of the goals: { row, value, text, floor, want, met }; value null where something needed was not measured.
 * @param {Record<string, { bytes: number, arrays: number }> | null} allocations of a step in steady state
 */
export function summary(results, allocations) {
  const find = (name, kind, variant) =>
    results.find((entrant) => entrant.case === name && entrant.kind === kind && entrant.variant === variant);
  const rows = [];
  /** `atLeast` rows want a large value, the others a small one. */
  const add = (row, ratio, floor, want, { atLeast = true, unit = '×' } = {}) => {
    const value = ratio?.value ?? null;
    const met = value === null ? null : (goal) => (atLeast ? value >= goal : value <= goal);
    rows.push({
      row,
      value,
      unit,
      spread: ratio?.q1 === undefined ? null : [ratio.q1, ratio.q3],
      floor,
      want,
      floorMet: met?.(floor) ?? null,
      wantMet: met?.(want) ?? null,
    });
  };
  const over = (slow, fast) => (slow && fast ? ratioOf(slow, fast) : null);
  const ours = (name, backend, workers = 2) => find(name, 'varpool', `${backend} ${workers}`);
  const jax = (name, variant = 'jit') => find(name, 'jax', variant);

  add(`step ${BIG}: JAX jit ÷ native`, over(jax(`step ${BIG}`), ours(`step ${BIG}`, 'native')), 3.0, 4);
  add(`step ${BIG}: JAX jit ÷ wasm`, over(jax(`step ${BIG}`), ours(`step ${BIG}`, 'wasm')), 1.5, 2);
  add(
    `step ${MIDDLE}: JAX jit ÷ native`,
    over(jax(`step ${MIDDLE}`), ours(`step ${MIDDLE}`, 'native')),
    2.5,
    4,
  );
  add(`step ${MIDDLE}: JAX jit ÷ wasm`, over(jax(`step ${MIDDLE}`), ours(`step ${MIDDLE}`, 'wasm')), 1.4, 2);
  const small = 'epoch 13-50-1';
  const best = ['native', 'wasm']
    .map((backend) => ours(small, backend, 1))
    .filter((entrant) => entrant !== undefined)
    .sort((a, b) => a.ms.median - b.ms.median)[0];
  add('13-50-1 B=32, whole epochs, one core: JAX scan ÷ best backend', over(jax(small, 'scan'), best), 2, 4);
  add(
    `draw of 128 rows ${BIG}: JAX jit ÷ native`,
    over(jax(`draw ${BIG}`), ours(`draw ${BIG}`, 'native')),
    2.5,
    4,
  );
  add(
    `draw of 128 rows ${BIG}: JAX jit ÷ wasm`,
    over(jax(`draw ${BIG}`), ours(`draw ${BIG}`, 'wasm')),
    1.2,
    2,
  );
  for (const shape of ['512×512×512', '128×1200×784']) {
    const name = `gemm ${shape}`;
    const blas = find(name, 'openblas', 'sgemm');
    add(
      `gemm ${shape}, one core: native speed ÷ OpenBLAS speed`,
      over(blas, ours(name, 'native', 1)),
      0.9,
      1,
    );
  }
  const normals = (backend) => {
    const entrant = ours('normals', backend, 1);
    if (entrant === undefined) return null;
    const ns = (ms) => (ms * 1e6) / entrant.elements;
    return { value: ns(entrant.ms.median), q1: ns(entrant.ms.q1), q3: ns(entrant.ms.q3) };
  };
  const small_is_better = { atLeast: false, unit: ' ns' };
  add('normal, per element: wasm', normals('wasm'), 2.5, 1.8, small_is_better);
  add('normal, per element: native', normals('native'), 0.8, 0.5, small_is_better);
  for (const backend of ['native', 'wasm']) {
    const [one, two] = [1, 2].map((workers) => ours(`step ${BIG}`, backend, workers));
    add(`step ${BIG}, ${backend}: one worker ÷ two workers`, over(one, two), 1.8, 1.95);
  }
  for (const backend of ['native', 'wasm']) {
    add(
      `step ${BIG}, ${backend}, two workers: measured ÷ roofline`,
      distance(results, ours(`step ${BIG}`, backend), backend),
      1.5,
      1.2,
      { atLeast: false },
    );
  }
  const worst = (what) =>
    allocations === null
      ? null
      : { value: Math.max(...Object.values(allocations).map((each) => each[what])) };
  const none = { atLeast: false, unit: '' };
  add('JavaScript arrays made per step in steady state', worst('arrays'), 0, 0, none);
  // Numbers that are no small integers are objects to the engine; no floor was set for these.
  add('JavaScript bytes allocated per step (boxed numbers)', worst('bytes'), Infinity, 0, none);
  return rows;
}

/** How many times its roofline a step takes: flops at the best product, bytes at the best stream, of this run and two threads. */
function distance(results, entrant, backend) {
  const limits = results
    .filter(
      ({ case: name, kind, variant }) =>
        kind === 'varpool' && name.startsWith('limit ') && variant === `${backend} 2`,
    )
    .map(({ case: name, ms, work }) => ({ name, ms, sampler: { backend, workers: 2, work } }));
  const streams = limits.filter(({ name }) => /multiply|copy/.test(name));
  const products = limits.filter((limit) => !streams.includes(limit));
  if (entrant === undefined || streams.length === 0 || products.length === 0) return null;
  const [peak] = peaks(products, streams);
  const least = rooflineMs(entrant.work, peak);
  const { median, q1, q3 } = entrant.ms;
  return { value: median / least, q1: q1 / least, q3: q3 / least };
}

export function summaryTable(rows) {
  const word = (met) => (met === null ? 'not measured' : met ? 'yes' : 'no');
  const lines = rows.map(({ row, value, unit, spread: between, floor, want, floorMet, wantMet }) => [
    row,
    value === null ? '–' : `${ratioText(value)}${unit}`,
    between === null ? '' : `${ratioText(between[0])} – ${ratioText(between[1])}`,
    Number.isFinite(floor) ? String(floor) : '–',
    Number.isFinite(floor) ? word(floorMet) : '–',
    String(want),
    word(wantMet),
  ]);
  return `summary\n${columns([['', 'measured', 'middle half', 'floor', 'kept', 'wanted', 'reached'], ...lines], 1)}`;
}
