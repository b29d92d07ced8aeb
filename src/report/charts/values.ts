// Numbers on their way into a chart: rounded to what a screen can show, NaN and ∞ turned into gaps, ranges with some air.

import type { Value } from '../reportData.ts';

/** Six significant digits: more than any pixel, a third of the bytes. */
export function round(value: number): number {
  return Number(value.toPrecision(6));
}

/** Whether there is a finite number. */
export function isNumber(value: Value): value is number {
  return value !== null && Number.isFinite(value);
}

/** The same values with null where there is no finite number, as JSON has none. */
export function clean(values: readonly Value[]): Array<number | null> {
  return values.map((value) => (isNumber(value) ? round(value) : null));
}

/** Smallest and largest finite value of several lists; [0, 1] if there is none. */
export function extent(lists: ReadonlyArray<readonly Value[]>): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (!isNumber(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

/** A range with 4 % of air at both ends; a single value gets a range around it. */
export function padded([low, high]: readonly [number, number]): [number, number] {
  const air = high > low ? 0.04 * (high - low) : Math.abs(low) * 0.1 || 0.1;
  return [round(low - air), round(high + air)];
}

/**
 * Where a share of `n` rows may lie that was observed as `share`: the Wilson interval, 95 %.
 * Wilson 1927, doi:10.1080/01621459.1927.10502953.
 */
export function shareInterval(share: number, n: number): [number, number] {
  const z = 1.959964;
  const z2 = (z * z) / n;
  const center = (share + z2 / 2) / (1 + z2);
  const half = (z * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n))) / (1 + z2);
  return [Math.max(0, center - half), Math.min(1, center + half)];
}

/** "90 %", or with digits "1.25 %". */
export function percent(share: number, digits = 0): string {
  return `${(100 * share).toFixed(digits)} %`;
}
