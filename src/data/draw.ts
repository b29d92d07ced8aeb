// Which rows are taken out of a list for a part: random rows, random rows in proportion to classes, random groups, or the last ones.

import { count, fail } from './message.ts';

/** Puts `order` into a random order, always the same one for the same purpose and length. */
export type Shuffle = (order: Int32Array, purpose: 'test' | 'validation') => void;

/** How rows are told apart when some are taken out; at most one is given. */
export interface RowKinds {
  /** Class of each row of the table: every class gives rows in proportion. */
  readonly strata?: Int32Array | undefined;
  /** Group of each row of the table: rows of a group stay together. */
  readonly groups?: Int32Array | undefined;
  /** Place of each row of the table in time: the last are taken. */
  readonly ranks?: Int32Array | undefined;
}

/**
 * `size` of `rows` (of whole groups: as near to that as they allow) and the others, both in the order they had.
 * @throws DataError starting with `where` where groups leave nothing for one of the two
 */
export function drawn(
  rows: Int32Array,
  size: number,
  kinds: RowKinds,
  shuffle: Shuffle,
  purpose: 'test' | 'validation',
  where: string,
): [Int32Array, Int32Array] {
  const chosen = new Uint8Array(rows.length);
  if (kinds.ranks !== undefined) chooseLast(chosen, rows, size, kinds.ranks);
  else if (kinds.groups !== undefined)
    chooseGroups(chosen, rows, size, kinds.groups, shuffle, purpose, where);
  else {
    const order = sequence(rows.length);
    shuffle(order, purpose);
    if (kinds.strata !== undefined) chooseInProportion(chosen, rows, size, kinds.strata, order);
    else for (let i = 0; i < size; i++) chosen[order[i]] = 1;
  }
  return [rows.filter((_, i) => chosen[i] === 1), rows.filter((_, i) => chosen[i] === 0)];
}

function chooseLast(chosen: Uint8Array, rows: Int32Array, size: number, ranks: Int32Array): void {
  const order = sequence(rows.length).sort((a, b) => ranks[rows[a]] - ranks[rows[b]]);
  for (let i = rows.length - size; i < rows.length; i++) chosen[order[i]] = 1;
}

/** Of each class its part of `size`, rounded down; what is missing goes to the largest remainders, of equals to the first class. */
function chooseInProportion(
  chosen: Uint8Array,
  rows: Int32Array,
  size: number,
  strata: Int32Array,
  order: Int32Array,
): void {
  const counts: number[] = [];
  for (const row of rows) counts[strata[row]] = (counts[strata[row]] ?? 0) + 1;
  const quota: number[] = [];
  const remainders: { readonly stratum: number; readonly rest: number }[] = [];
  let left = size;
  for (let stratum = 0; stratum < counts.length; stratum++) {
    const exact = (counts[stratum] ?? 0) * size;
    quota[stratum] = Math.floor(exact / rows.length);
    left -= quota[stratum];
    remainders.push({ stratum, rest: exact % rows.length });
  }
  remainders.sort((a, b) => b.rest - a.rest || a.stratum - b.stratum);
  for (let i = 0; i < left; i++) quota[remainders[i].stratum]++;
  for (const i of order) {
    if (quota[strata[rows[i]]] === 0) continue;
    quota[strata[rows[i]]]--;
    chosen[i] = 1;
  }
}

/** Groups in random order, each taken if that comes nearer to `size`. */
function chooseGroups(
  chosen: Uint8Array,
  rows: Int32Array,
  size: number,
  groups: Int32Array,
  shuffle: Shuffle,
  purpose: 'test' | 'validation',
  where: string,
): void {
  const members = new Map<number, number[]>();
  rows.forEach((row, i) => {
    const group = members.get(groups[row]);
    if (group === undefined) members.set(groups[row], [i]);
    else group.push(i);
  });
  const all = [...members.values()];
  const order = sequence(all.length);
  shuffle(order, purpose);
  let taken = 0;
  for (const g of order) {
    const next = taken + all[g].length;
    if (next === rows.length || Math.abs(next - size) >= Math.abs(taken - size)) continue;
    for (const i of all[g]) chosen[i] = 1;
    taken = next;
  }
  if (taken > 0) return;
  const expected = `groups small enough for ${count(size, 'row')} of ${purpose}`;
  const got = `${count(all.length, 'group')} in ${count(rows.length, 'row')}`;
  fail(where, expected, got, 'hold out more rows, or group by another column');
}

function sequence(n: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => i);
}
