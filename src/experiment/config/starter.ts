// A config for a table that has not been described yet, with a comment at each line: what its columns look like, a network that fits the
// number of rows, a training that ends in reasonable time. `varpool init` writes it; people change it.

import { isAbsolute } from 'node:path';
import { stringify } from 'yaml';
import { type ColumnGuess, guessTask, isNumeric, type TableGuess } from '../../data/table/guess.ts';
import type { ColumnSurvey } from '../../data/table/survey.ts';

export interface StarterOptions {
  /** As it is to stand in the config. */
  readonly path: string;
  readonly name: string;
  readonly rows: number;
  readonly guess: TableGuess;
  readonly target: ColumnSurvey;
  /** Where not what the target looks like. */
  readonly task?: 'regression' | 'classification' | undefined;
  /** Where it was said. */
  readonly delimiter?: string | undefined;
  readonly header?: boolean | 'skip' | undefined;
  readonly encoding?: string | undefined;
}

/** Training rows from which on a network and its training are so large. */
const SIZES = [
  { rows: 20_000, hiddenSizes: [128, 64], batchSize: 256, learningRate: 0.003 },
  { rows: 3_000, hiddenSizes: [64], batchSize: 64, learningRate: 0.005 },
  { rows: 500, hiddenSizes: [50], batchSize: 32, learningRate: 0.01 },
  { rows: 0, hiddenSizes: [16], batchSize: 32, learningRate: 0.01 },
];
/** Steps after which such networks have come to rest. */
const STEPS = 6_000;
const MOST_EPOCHS = 400;
const LEAST_EPOCHS = 10;
/** With fewer rows a tenth of them measures too little. */
const FEW_ROWS = 1_000;

/** The text of the config. */
export function starterConfig(options: StarterOptions): string {
  const { path, name, rows, guess, target } = options;
  const { task, why } = guessTask(target, isNumeric(target, guess.decimal, guess.thousands));
  const chosen = options.task ?? task;
  const testFraction = rows < FEW_ROWS ? 0.2 : 0.1;
  const training = SIZES.find((size) => rows * (1 - testFraction) >= size.rows) as (typeof SIZES)[number];
  const perEpoch = Math.ceil((rows * (1 - testFraction)) / training.batchSize);
  const epochs = Math.min(MOST_EPOCHS, Math.max(LEAST_EPOCHS, 10 * Math.round(STEPS / perEpoch / 10)));
  const others = guess.columns.filter(({ survey }) => survey.column !== target.column);
  const lines: Line[] = [
    [
      '',
      `From ${path}: ${rows} rows, ${guess.columns.length} columns. Every option: docs/tables.md, \`varpool train --help\`.`,
    ],
    [`seed: ${inline(`${name}-1`)}`, 'every random number follows from it'],
    ['data:', ''],
    ['  kind: csv', ''],
    [`  path: ${inline(path)}`, isAbsolute(path) ? '' : 'relative to this file'],
    [`  target: ${inline(refOf(target))}`, why],
    [`  task: ${chosen}`, chosen === 'regression' ? 'or classification' : 'or regression, for numbers'],
    ...layoutLines(options),
    ...columnLines(others),
    ...missingLines(others, target),
    [`  testFraction: ${testFraction}`, 'rows held out for the test, picked by the seed'],
    ...(chosen === 'classification' ? [['  stratify: true', 'the same part of every class'] as const] : []),
    ...orderLines(others),
    [
      `model: { hiddenSizes: ${inline(training.hiddenSizes)} }`,
      `for ${rows} rows; more rows bear a larger network`,
    ],
    ['training:', ''],
    [`  epochs: ${epochs}`, 'more if the report says that it is still improving'],
    [`  batchSize: ${training.batchSize}`, ''],
    [`  optimizer: { kind: adam, learningRate: ${training.learningRate} }`, ''],
    ['  schedule: { kind: cosine }', 'the learning rate falls to 0 at the end'],
    [
      '# ensemble: { members: 5 }',
      'five networks in place of one: better error bars for five times the work',
    ],
  ];
  return `${lines.map(lineText).join('\n')}\n`;
}

/** A line, and what is said of it behind. */
type Line = readonly [text: string, comment: string];

/** Comments stand in one column where the lines are short. */
const COMMENT_AT = 34;

function lineText([text, comment]: Line): string {
  if (comment === '') return text;
  const safe = comment.replace(/\p{Cc}/gu, ' ');
  if (text === '') return `# ${safe}`;
  return `${text.padEnd(COMMENT_AT)} # ${safe}`;
}

function layoutLines({ guess, delimiter, header, encoding }: StarterOptions): Line[] {
  const first = header ?? guess.header;
  return [
    ...(delimiter === undefined ? [] : [[`  delimiter: ${inline(delimiter)}`, ''] as const]),
    ...(first === null ? [] : [[`  header: ${first}`, headerComment(first)] as const]),
    ...(encoding === undefined ? [] : [[`  encoding: ${encoding}`, ''] as const]),
    ...(guess.decimal === '.'
      ? []
      : [[`  decimal: ${inline(guess.decimal)}`, 'what stands before the fraction'] as const]),
    ...(guess.thousands === null
      ? []
      : [[`  thousands: ${inline(guess.thousands)}`, 'what stands between groups of three digits'] as const]),
  ];
}

function headerComment(header: boolean | 'skip'): string {
  if (header === 'skip') return 'the first line is passed over';
  return header ? 'the first line names the columns' : 'the first line is data; columns are numbered from 0';
}

function columnLines(columns: readonly ColumnGuess[]): Line[] {
  const kinds = columns.filter(({ kind }) => kind !== null);
  const numbers = columns.filter(({ role, kind }) => role === 'feature' && kind === null).length;
  const passed = columns.filter(({ role }) => role !== 'feature');
  return [
    ...(kinds.length === 0 ? [] : [['  columns:', othersText(numbers)] as const]),
    ...kinds.map(({ survey, kind, why }): Line => [`    ${inline(refOf(survey))}: ${inline(kind)}`, why]),
    ...(passed.length === 0
      ? []
      : [
          [
            `  passThrough: ${inline(passed.map(({ survey }) => refOf(survey)))}`,
            `no features, but returned with predictions: ${passed.map(({ survey, why }) => `${survey.header || survey.column}: ${why}`).join('; ')}`,
          ] as const,
        ]),
  ];
}

function othersText(numbers: number): string {
  if (numbers === 0) return '';
  return numbers === 1 ? 'the other one holds numbers' : `the other ${numbers} hold numbers`;
}

function missingLines(columns: readonly ColumnGuess[], target: ColumnSurvey): Line[] {
  const holes = columns.filter(({ role, survey }) => role === 'feature' && survey.missing > 0);
  if (holes.length === 0 && target.missing === 0) return [];
  const names = holes.slice(0, 5).map(({ survey }) => survey.header || survey.column);
  const where = `in ${names.join(', ')}${holes.length > 5 ? ' …' : ''}`;
  const what =
    'stands in for missing cells, with a feature that says so; categories get a level of their own';
  if (target.missing === 0) return [['  missing: median', `${what}: ${where}`]];
  const treatment = holes.length === 0 ? '' : 'treatment: median, ';
  return [
    [
      `  missing: { ${treatment}target: drop }`,
      `${target.missing} rows have no target${holes.length === 0 ? '' : `; the median ${what}`}`,
    ],
  ];
}

function orderLines(columns: readonly ColumnGuess[]): Line[] {
  const date = columns.find(({ isTime }) => isTime);
  if (date === undefined) return [];
  return [
    [
      `# order: ${inline(refOf(date.survey))}`,
      'to forecast, put it under data: the latest rows are the test then',
    ],
  ];
}

/** A column as a config names it. */
function refOf({ header, column }: ColumnSurvey): string | number {
  return header ? header : column;
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: true }).trim();
}
