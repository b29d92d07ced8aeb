// What a config says of the columns of a table: what they hold, which cells are missing, which columns only pass through.

import * as z from 'zod';
import { TREATMENTS } from '../../columns/column.ts';
import { COLUMN_KINDS } from '../../columns/index.ts';
import { ENCODINGS } from '../../data/formats/encoding.ts';
import { THOUSANDS } from '../../data/formats/number.ts';
import {
  anyText,
  column,
  count,
  flag,
  fraction,
  list,
  oneOf,
  path,
  section,
  text,
  unchecked,
} from '../../options/fields.ts';
import { oneOfKind } from '../../options/kinds.ts';

const MISSING = `${TREATMENTS.join(', ')}, or a map with markers, treatment, indicator and target`;

const TREATMENT =
  'What is done about missing cells of features where a column says nothing: an error, the row is dropped, or the mean, median or most frequent value of the training rows stands in. Categories take a level of their own for mean and median.';

const missing = z
  .union(
    [
      oneOf(TREATMENTS, TREATMENT),
      section({
        markers: list(
          anyText('A text.'),
          'a list of texts',
          'Texts that stand for a missing cell besides the empty one, as they are written. Default: NA, N/A, n/a, #N/A, <NA>, NaN, nan, NULL, null, None and ?.',
        ).optional(),
        treatment: oneOf(TREATMENTS, `${TREATMENT} Default: error.`).optional(),
        indicator: flag(
          'Whether columns with missing training cells get a further feature that is 1 where the cell is missing. Default: true.',
        ).optional(),
        target: oneOf(
          ['error', 'drop'],
          'What is done about rows without a target. Default: error.',
        ).optional(),
      }),
    ],
    { error: MISSING },
  )
  .describe('Missing cells: a treatment, or a map.');

const ORDER = 'true, or the name of a column or its number (0 is the first, -1 the last)';

const COLUMN_MAP = 'a map of columns to what they hold';

const DELIMITER = 'one character, tab or whitespace';
const COLUMNS = 'a list of column names or numbers, or { file: a file with column numbers }';
const TARGET = 'the name of a column, its number (0 is the first, -1 the last), a list of these, or { file }';

const columnFile = section({ file: path('File with column numbers from 0.') });
const columnList = z.array(column('A column.'), { error: COLUMNS }).min(1, { error: COLUMNS });

const VALIDATION = 'a whole number of at least 1, or a part between 0 and 1';
export const validationField = z
  .union([count('A number of rows.', undefined, VALIDATION), fraction('A part of the rows.', VALIDATION)], {
    error: VALIDATION,
  })
  .describe(
    'Rows held out of the training rows, picked by seed, to watch the fit on: how many, or below 1 which part of them.',
  )
  .optional();

const textFields = {
  delimiter: z
    .union([z.string().regex(/^[^\r\n"]$/u, { error: DELIMITER }), z.enum(['tab', 'whitespace'])], {
      error: DELIMITER,
    })
    .describe(
      'One character, tab, or whitespace for any run of blanks. Default: found out from the first line.',
    )
    .optional(),
  header: z
    .union([z.boolean(), z.enum(['auto', 'skip'])], { error: 'true, false, auto or skip' })
    .describe(
      'Whether the first line holds names; skip passes over it. Default: auto, found out from the first line.',
    )
    .optional(),
  decimal: oneOf(
    ['.', ','] as const,
    'What stands before the fraction of numbers. Default: a point.',
  ).optional(),
  thousands: oneOf(
    THOUSANDS,
    'What stands between groups of three digits, such as the comma of 1,234.5. Default: nothing.',
  ).optional(),
  encoding: oneOf(
    ENCODINGS,
    'How the text is written. Default: UTF-16 where the file starts with its byte order mark, else UTF-8.',
  ).optional(),
  comment: text('a string that is not empty', 'Lines that start with this are passed over.').optional(),
};

/** Which columns are predicted from which, and how the text of a table is written. */
export const layoutFields = {
  target: z
    .union([column('A column.'), columnList, columnFile], { error: TARGET })
    .describe(
      'What is predicted: a column by name or number (0 is the first, -1 the last), a list of columns, or { file }.',
    )
    .default(-1),
  features: z
    .union([columnList, columnFile], { error: COLUMNS })
    .describe('Columns that predict. Default: all but the target.')
    .optional(),
  ...textFields,
};

export const tableFields = {
  columns: z
    .record(
      z.string(),
      oneOfKind(COLUMN_KINDS, 'What the column holds. What is learned is learned on the training rows.'),
      { error: COLUMN_MAP },
    )
    .describe('What columns hold, by name or number (from 0). Columns that are not named hold numbers.')
    .optional(),
  missing: missing.optional(),
  groups: column(
    'A column whose equal cells stay in one part: rows of one patient, one site, one day. It is no feature unless named in columns or features.',
  ).optional(),
  order: z
    .union([z.literal(true), column('A column.')], { error: ORDER })
    .describe(
      'A column by which the last rows are the test part and those before them the validation rows, in place of a draw; true: as they stand in the file. It is no feature unless named in columns or features.',
    )
    .optional(),
  weights: column(
    'A column with the weight of each training row: 2 is a row that is given twice, 0 one that is left out. It is no feature. Default: all weigh 1.',
  ).optional(),
  targetPath: path(
    'Another file with the target, row by row, in which data.target is looked for.',
  ).optional(),
  passThrough: list(
    column('A column.'),
    'a list of column names or numbers',
    'Columns such as an id that are no features unless named in columns or features: they come back with predictions as they are.',
  ).optional(),
};

const { columns, passThrough, groups, order, weights } = tableFields;

/** Options of readTable: those of a config's data, but for what divides rows. */
export const tableSchema = section({
  ...layoutFields,
  target: z.union([column('A column.'), columnList], { error: TARGET }).default(-1),
  features: columnList.optional(),
  task: oneOf(['regression', 'classification'], 'What the target is.').optional(),
  columns: z.union([z.literal('auto'), columns.unwrap()], { error: `auto, or ${COLUMN_MAP}` }).optional(),
  missing: tableFields.missing,
  weights,
  passThrough,
});

/** Options of readRows. */
export const rowsSchema = section(textFields);

/** Options of split. */
export const splitSchema = section({
  testFraction: fraction('Part of the rows held out for the test.').optional(),
  validation: validationField,
  stratify: flag('Whether classes give rows to the parts in proportion.').optional(),
  groups,
  order,
  seed: unchecked<string | number>('Seed of the draws: a string or an integer.').optional(),
});
