// varpool init: a commented config for a table, or a copy of an example with its data.

import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, parse, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { resolveColumns } from '../../data/columns.ts';
import { ENCODINGS, type Encoding } from '../../data/formats/encoding.ts';
import { guessTable } from '../../data/table/guess.ts';
import { surveyTable, type TableSurvey } from '../../data/table/survey.ts';
import { ConfigError } from '../../errors.ts';
import { parseConfig, readConfig, runName } from '../../experiment/config/config.ts';
import { starterConfig } from '../../experiment/config/starter.ts';
import { prepareRun } from '../../experiment/run/data.ts';
import { writeFileAtomic } from '../../files/atomicFile.ts';
import { describeValue, listed, mismatch, nearest } from '../../messages.ts';
import { choiceOption, type OutputFlags, withOutput } from '../flags.ts';
import { printResult } from '../output.ts';

const TASKS = ['regression', 'classification'] as const;
const HEADERS = ['true', 'false', 'skip'] as const;

interface InitFlags extends OutputFlags {
  readonly target?: string;
  readonly out?: string;
  readonly task?: (typeof TASKS)[number];
  readonly delimiter?: string;
  readonly header?: (typeof HEADERS)[number];
  readonly encoding?: Encoding;
  readonly force?: boolean;
}

/** The examples of the package, beside dist/ and src/. */
const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url));
const FIRST_EXAMPLE = 'strength';

export function initCommand(): Command {
  const command = new Command('init')
    .description('write a commented config for a table, or copy an example')
    .argument(
      '[data]',
      `a table (text or JSON lines), or an example: ${exampleNames().join(', ')}; default ${FIRST_EXAMPLE}`,
    )
    .option('--target <column>', 'what to predict: a column by name or number (0 is the first, -1 the last)')
    .option('--out <file>', 'where to write; default: the name of the table, .yaml')
    .addOption(choiceOption('--task <task>', 'what the target is, if not what it looks like', TASKS))
    .option('--delimiter <c>', 'one character, tab or whitespace; default: found out')
    .addOption(
      choiceOption(
        '--header <header>',
        'whether the first line names the columns; default: found out',
        HEADERS,
      ),
    )
    .addOption(choiceOption('--encoding <encoding>', 'how the text is written, if not in UTF-8', ENCODINGS))
    .option('--force', 'replace the files that are there');
  return withOutput(command).action(init);
}

function init(data: string | undefined, flags: InitFlags): void {
  const name = data ?? FIRST_EXAMPLE;
  if (!existsSync(name) && exampleNames().includes(name)) copyExample(name, flags);
  else writeStarter(name, flags);
}

function writeStarter(path: string, flags: InitFlags): void {
  if (!existsSync(path)) {
    const near = nearest(path, exampleNames());
    throw bad(
      path,
      'a table or an example',
      'nothing at this path',
      near === null ? `examples: ${exampleNames().join(', ')}` : `did you mean ${near}?`,
    );
  }
  const { task, delimiter, encoding } = flags;
  const header =
    flags.header === 'skip' ? 'skip' : flags.header === undefined ? undefined : flags.header === 'true';
  const survey = surveyTable(path, { delimiter, header, encoding, authority: 'flags' });
  const target = targetOf(path, survey, flags.target);
  const out = flags.out ?? `${runName(parse(path.replace(/\.gz$/i, '')).name)}.yaml`;
  refuseExisting(out, flags.force);
  const from = isAbsolute(path) ? path : relative(resolve(dirname(out)), resolve(path)).replaceAll('\\', '/');
  const guess = guessTable(survey);
  const text = starterConfig({
    path: from,
    name: runName(out),
    rows: survey.rows,
    guess,
    target,
    task,
    delimiter,
    header,
    encoding,
  });
  // A config that does not train would be no help: it is read back with its data before it is written.
  const { data, model } = prepareRun(parseConfig(text, out), out);
  writeFileAtomic(out, text, ConfigError);
  const used = guess.columns.filter((column) => column.role === 'feature' && column.survey !== target);
  const features = `${data.train.features.columns}, from ${used.length} of ${survey.columns.length} columns`;
  printResult(
    flags,
    () => [
      ['config', out],
      ['data', data.description],
      ['features', features],
      ['next', `look it over, then: varpool train ${out}`],
    ],
    () => ({ config: out, rows: survey.rows, columns: survey.columns.length, features: model.inputSize }),
  );
}

function targetOf(path: string, { columns }: TableSurvey, given: string | undefined) {
  const names = columns.map(({ header }) => header ?? '');
  const hasNames = columns.some(({ header }) => header !== null);
  if (given === undefined) {
    const shown = hasNames
      ? listed(names.slice(0, 12).map(describeValue))
      : `a number from 0 to ${columns.length - 1}`;
    throw bad(
      '--target',
      'the column to predict',
      'none',
      `name it: ${shown}${names.length > 12 ? ' …' : ''}`,
    );
  }
  const ref = !names.includes(given) && /^-?\d+$/.test(given) ? Number(given) : given;
  const [column] = resolveColumns(
    [ref],
    { where: path, names: hasNames ? names : null, count: columns.length, authority: 'flags' },
    '--target',
  );
  const target = columns[column];
  if (target.missing === target.cells)
    throw bad(
      '--target',
      'a column with values',
      `${describeValue(given)}, which is empty in every row`,
      'name another column',
    );
  return target;
}

/** Copies an example and the data in the package that it names, so that its relative paths hold. */
function copyExample(name: string, flags: InitFlags): void {
  const source = join(EXAMPLES, `${name}.yaml`);
  const out = flags.out ?? `${name}.yaml`;
  const { writtenPaths } = readConfig(source);
  const paths = Object.values(writtenPaths).filter((path) => existsSync(join(EXAMPLES, path)));
  const there = dirname(out);
  for (const path of [basename(out), ...paths]) refuseExisting(join(there, path), flags.force);
  for (const path of paths) {
    mkdirSync(dirname(join(there, path)), { recursive: true });
    const from = join(EXAMPLES, path);
    if (statSync(from).isDirectory()) cpSync(from, join(there, path), { recursive: true });
    else copyFileSync(from, join(there, path));
  }
  mkdirSync(dirname(out), { recursive: true });
  copyFileSync(source, out);
  const files = [out, ...paths.map((path) => join(there, path))];
  printResult(
    flags,
    () => [...files.map((file) => ['copied', file] as const), ['next', `varpool train ${out}`]],
    () => ({ config: out, files }),
  );
}

/** Examples that are a config with data in the package. */
function exampleNames(): string[] {
  if (!existsSync(EXAMPLES)) return [];
  return readdirSync(EXAMPLES)
    .filter((file) => /\.yaml$/.test(file) && !/sweep|mnist/.test(file))
    .map((file) => file.replace(/\.yaml$/, ''))
    .sort();
}

function refuseExisting(path: string, force: boolean | undefined): void {
  if (force === true || !existsSync(path)) return;
  throw bad(path, 'no file there yet', 'one', 'give another name with --out, or --force to replace it');
}

function bad(where: string, expected: string, got: string, next: string): ConfigError {
  return new ConfigError(mismatch(where, expected, got, next));
}
