// The part of a report that answers "what if": which columns can be set, to what at first, and what is packed into the page for it.

import { columnKind } from '../../columns/index.ts';
import { featureNames, plainColumns, type TableColumns } from '../../columns/tableColumns.ts';
import type { Matrix } from '../../core/matrix.ts';
import { ConfigError } from '../../errors.ts';
import type { PreparedRun } from '../../experiment/run/data.ts';
import { packed } from '../page/assets.node.ts';
import type { Field, WhatIf } from '../reportData.ts';

/** More fields than this are not filled in by hand; pictures have hundreds. */
export const MAX_FIELDS = 40;
const MAX_DRAWS = 200;

/** @throws ConfigError for data with more columns than a page can ask for */
export function checkWhatIf({ data }: Pick<PreparedRun, 'data'>): void {
  const { columns } = data.train.features;
  const fields = data.train.columns?.features.length ?? columns;
  if (fields <= MAX_FIELDS) return;
  throw new ConfigError(
    `--what-if: expected data of at most ${MAX_FIELDS} columns, got ${fields} — train without it, and ask by varpool predict or varpool serve`,
  );
}

/**
 * @param posterior bytes of its file
 */
export function whatIf({ config, data, classNames }: PreparedRun, posterior: Uint8Array): WhatIf {
  const { features, featureNames: names, targets, columns } = data.train;
  const plain = names ?? Array.from({ length: features.columns }, (_, c) => `column ${c}`);
  const known = columns ?? plainColumns(plain, []);
  return {
    named: columns !== undefined,
    fields: fieldsOf(known, features),
    classes: classNames,
    targets: (targets.kind === 'values' ? targets.names : undefined) ?? null,
    draws: Math.min(MAX_DRAWS, config.prediction.draws),
    posterior: packed(posterior),
  };
}

function fieldsOf(columns: TableColumns, features: Matrix): Field[] {
  let at = 0;
  return columns.features.map((learned) => {
    const kind = columnKind(learned.kind);
    const first = at;
    const width = featureNames({ ...columns, features: [learned] }).length;
    at += width;
    const { name } = learned;
    const valuesOf = (feature: number) =>
      Float64Array.from({ length: features.rows }, (_, r) => features.data[r * features.columns + feature]);
    if ('levels' in learned) {
      const levels = (learned as unknown as { levels: readonly string[] }).levels;
      // Where levels have a feature each, the most frequent one.
      const counts = levels.map((_, i) => (i < width ? valuesOf(first + i).reduce((a, b) => a + b) : 0));
      return { kind: 'choice', name, levels, value: levels[counts.indexOf(Math.max(...counts))] };
    }
    const values = valuesOf(first).sort();
    const middle = tidy(values[values.length >> 1]);
    // A third of the way is neither true nor false, nor a date.
    const takesNumbers =
      kind.cell(values[0] + (values[values.length - 1] - values[0]) / 3, learned) !== undefined;
    if (takesNumbers)
      return { kind: 'number', name, value: middle, low: values[0], high: values[values.length - 1] };
    return { kind: 'text', name, value: kind.cell(middle, learned) === undefined ? '' : String(middle) };
  });
}

/** Few digits, for people. */
const tidy = (value: number) => Number(value.toPrecision(4));
