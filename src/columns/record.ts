// Columns as a saved posterior holds them: a schema made of what each kind says it saves, and whether the parts fit together.

import * as z from 'zod';
import * as fields from '../options/fields.ts';
import { COLUMN_KINDS, columnKind } from './index.ts';
import { COLUMNS_VERSION, featureNames, type TableColumns } from './tableColumns.ts';

const names = (expected: string) => z.array(fields.anyText('A name.'), { error: expected });

const kinds = Object.entries(COLUMN_KINDS).map(([kind, { does }]) =>
  fields.section({
    kind: z.literal(kind),
    name: fields.anyText('Name of the column.'),
    ...(does.saved(fields) as z.ZodRawShape),
  }),
);

/** What a posterior keeps of the columns of its table. */
export const tableColumnsSchema = fields.section({
  version: z.literal(COLUMNS_VERSION, { error: `${COLUMNS_VERSION} — use a newer varpool` }),
  markers: names('a list of texts'),
  features: z
    .array(
      z.discriminatedUnion('kind', kinds as never, {
        error: `a column of a kind known here: ${Object.keys(COLUMN_KINDS).join(', ')} — use a newer varpool`,
      }),
      { error: 'a list of columns' },
    )
    .min(1, { error: 'at least one column' }),
  targets: names('a list of names'),
  passThrough: names('a list of names'),
}) as unknown as z.ZodType<TableColumns>;

/** What does not fit together in columns of the right form, for a model of `inputSize` inputs; null for nothing. */
export function columnsProblem(
  columns: TableColumns,
  inputSize: number,
): { readonly at: string; readonly expected: string; readonly got: string } | null {
  for (const [f, learned] of columns.features.entries()) {
    const found = columnKind(learned.kind).problem?.(learned) ?? null;
    if (found !== null) return { at: `features[${f}]`, expected: 'parts that fit together', got: found };
  }
  const width = featureNames(columns).length;
  return width === inputSize
    ? null
    : { at: 'features', expected: `${inputSize} features like the inputs of the model`, got: `${width}` };
}
