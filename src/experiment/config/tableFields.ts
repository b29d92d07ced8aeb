// What a config says of the columns of a table: what they hold, which cells are missing, which columns only pass through.

import * as z from 'zod';
import { TREATMENTS } from '../../columns/column.ts';
import { COLUMN_KINDS } from '../../columns/index.ts';
import { ENCODINGS } from '../../data/formats/encoding.ts';
import { THOUSANDS } from '../../data/formats/number.ts';
import { anyText, column, flag, list, oneOf, path, section } from '../../options/fields.ts';
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

const COLUMNS = 'a map of columns to what they hold';

export const textFields = {
  thousands: oneOf(
    THOUSANDS,
    'What stands between groups of three digits, such as the comma of 1,234.5. Default: nothing.',
  ).optional(),
  encoding: oneOf(
    ENCODINGS,
    'How the text is written. Default: UTF-16 where the file starts with its byte order mark, else UTF-8.',
  ).optional(),
};

export const tableFields = {
  columns: z
    .record(
      z.string(),
      oneOfKind(COLUMN_KINDS, 'What the column holds. What is learned is learned on the training rows.'),
      { error: COLUMNS },
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
  targetPath: path(
    'Another file with the target, row by row, in which data.target is looked for.',
  ).optional(),
  passThrough: list(
    column('A column.'),
    'a list of column names or numbers',
    'Columns such as an id that are no features unless named in columns or features: they come back with predictions as they are.',
  ).optional(),
};
