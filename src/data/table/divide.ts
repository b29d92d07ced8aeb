// Which rows of a frame are for training, validation and test: by files of row numbers, at random, in proportion, by groups or in order.

import { parseDate } from '../../columns/date.ts';
import type { Targets } from '../dataset.ts';
import { isDecimal } from '../formats/number.ts';
import { count, fail, show } from '../message.ts';
import { type LoadContext, strataOf } from '../parts.ts';
import type { CsvSpec } from '../spec.ts';
import { type Split, splitRows } from '../split.ts';
import type { Frame, TextColumn } from './frame.ts';

/** Columns that divideFrame needs as keys of the frame. */
export function divisionKeys({ groups, order }: CsvSpec) {
  return [
    ...(groups === undefined ? [] : [groups]),
    ...(order === undefined || order === true ? [] : [order]),
  ];
}

/**
 * The parts as rows of the frame; files of row numbers count the rows of the file, and rows that were dropped are in no part.
 * @param usable rows of the frame that have a target
 * @param rowNumbers reads a file of row numbers
 * @throws DataError
 */
export function divideFrame(
  frame: Frame,
  usable: Int32Array,
  spec: CsvSpec,
  context: LoadContext,
  rowNumbers: (path: string | undefined, size: number) => Int32Array | undefined,
): Split {
  const { groups, order, stratify } = spec;
  const ways = [
    groups !== undefined && 'groups',
    order !== undefined && 'order',
    stratify === true && 'stratify',
  ];
  const given = ways.filter((way) => way !== false);
  if (given.length > 1)
    fail(
      frame.where,
      'one way to divide rows',
      given.map((way) => `data.${way}`).join(' and '),
      'keep one of them',
    );
  const place = new Int32Array(frame.allRows).fill(-1);
  usable.forEach((row, i) => {
    place[frame.numbers[row]] = i;
  });
  const kept = (path: string | undefined) =>
    rowNumbers(path, frame.allRows)
      ?.map((number) => place[number])
      .filter((i) => i >= 0);
  const of = (values: ArrayLike<number> | undefined) =>
    values === undefined ? undefined : Int32Array.from(usable, (row) => values[row]);
  const options = {
    testIndices: kept(spec.testIndices),
    trainIndices: kept(spec.trainIndices),
    testFraction: spec.testFraction,
    validation: spec.validation,
    limit: spec.limit,
    strata: of(strataOf(stratify, frame.targets as Targets, frame.where)),
    groups: groups === undefined ? undefined : of(frame.keys[0].codes),
    ranks:
      order === undefined
        ? undefined
        : of(order === true ? frame.numbers : ranksOf(frame, frame.keys.at(-1)!)),
  };
  const { train, validation, test } = splitRows(usable.length, options, context.shuffle, frame.where);
  const rows = (part: Int32Array) => part.map((i) => usable[i]);
  return { train: rows(train), validation: validation && rows(validation), test: test && rows(test) };
}

/** The place of each row in the order of a column; equal cells in the order of the file. @throws DataError for cells without an order */
function ranksOf(frame: Frame, { name, column, codes, texts }: TextColumn): Int32Array {
  const declared = frame.features.find((feature) => feature.column === column && feature.raw.texts === null);
  const values = declared === undefined ? valuesOf(texts) : null;
  const value = (row: number): number => (values === null ? declared!.raw.values[row] : values[codes[row]]);
  const order = Int32Array.from({ length: frame.rows }, (_, row) => row);
  for (const row of order) {
    if (!Number.isNaN(value(row))) continue;
    const got = texts[codes[row]];
    const next = `say in data.columns what ${show(name)} holds, such as { kind: date, format: d.m.y }, and fill its gaps`;
    fail(frame.place(row, column), 'a number or a date such as 2024-01-31', show(got), next);
  }
  order.sort((a, b) => value(a) - value(b) || a - b);
  const ranks = new Int32Array(frame.rows);
  order.forEach((row, rank) => {
    ranks[row] = rank;
  });
  return ranks;
}

/** Numbers where all texts are, else days of dates. */
function valuesOf(texts: readonly string[]): Float64Array {
  const numeric = texts.every(isDecimal);
  return Float64Array.from(texts, (text) => (numeric ? Number(text) : parseDate(text, 'iso')));
}

/** A frame with the targets of another, row by row of their files, and its rows that have one. @throws DataError for other rows */
export function withTargetsOf(frame: Frame, other: Frame): { frame: Frame; usable: Int32Array } {
  if (other.allRows !== frame.allRows) {
    const expected = `${count(frame.allRows, 'row')} as in ${frame.where}`;
    fail(other.where, expected, `${other.allRows}`, 'give a target for each row');
  }
  const place = new Int32Array(other.allRows).fill(-1);
  other.numbers.forEach((number, row) => {
    place[number] = row;
  });
  const rows = Array.from(frame.numbers, (number) => place[number]);
  const usable = Int32Array.from(rows.keys()).filter((row) => rows[row] >= 0);
  return {
    frame: { ...frame, targets: targetsAt(other.targets as Targets, rows), targetNames: other.targetNames },
    usable,
  };
}

/** Targets of `rows`; of a row below 0 there are none, and what stands there is never read. */
function targetsAt(targets: Targets, rows: readonly number[]): Targets {
  if (targets.kind === 'labels')
    return { ...targets, labels: Int32Array.from(rows, (row) => (row < 0 ? 0 : targets.labels[row])) };
  const { data, columns } = targets.values;
  const values = new Float64Array(rows.length * columns);
  rows.forEach((row, r) => {
    if (row >= 0) values.set(data.subarray(row * columns, (row + 1) * columns), r * columns);
  });
  return { ...targets, values: { data: values, rows: rows.length, columns } };
}
