// What commands write: results on stdout, everything else on stderr.

import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { ConfigError } from '../errors.ts';
import { fileProblem } from '../files/fileProblems.ts';
import { oneLine } from '../messages.ts';
import { colored } from './color.ts';
import { EXIT } from './failure.ts';

/** A label with its value; null rows are left out. */
export type Row = readonly [label: string, value: string] | null;

/**
 * A closed pipe (`varpool predict … | head`) is not a failure: output without a reader is dropped. Progress that cannot be written (a full disk
 * of logs, a terminal that closed) ends nothing either; a result that cannot be is a failure, told once all is done.
 */
export function guardStreams(): void {
  process.stderr.on('error', () => undefined);
  let told = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || told) return;
    told = true;
    const { message } = fileProblem(ConfigError, 'stdout', 'a place that can be written', 'write', error);
    note(`varpool: ${message}`);
    process.exitCode = process.exitCode || EXIT.usage;
  });
}

export function print(text: string): void {
  process.stdout.write(text);
}

export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

export function warn(message: string): void {
  note(`varpool: ${colored('warning', 'warning:', process.stderr)} ${oneLine(message)}`);
}

/** Two aligned columns. */
export function tableText(rows: readonly Row[]): string {
  const kept = rows.filter((row) => row !== null);
  const width = Math.max(0, ...kept.map(([label]) => label.length));
  return kept
    .map(([label, value]) => `${colored('label', label.padEnd(width), process.stdout)}  ${value}\n`)
    .join('');
}

/** Columns as wide as what is in them, the first line in bold. @param best whether a line stands out */
export function alignedText(
  lines: readonly (readonly string[])[],
  best: (line: readonly string[]) => boolean = () => false,
): string {
  const widths = lines[0].map((_, c) => Math.max(...lines.map((line) => line[c].length)));
  const shown = lines.map((line, l) => {
    const text = line
      .map((cell, c) => cell.padEnd(widths[c]))
      .join('  ')
      .trimEnd();
    return `${l === 0 ? colored('heading', text, process.stdout) : best(line) ? colored('best', text, process.stdout) : text}\n`;
  });
  return shown.join('');
}

/** What a command found: as text or rows for people or, with --json, as one line of JSON and nothing else on stdout. */
export function printResult(
  flags: { readonly json?: boolean },
  shown: () => string | readonly Row[],
  result: () => object,
): void {
  if (flags.json === true) {
    // Numbers that are not finite become null.
    print(`${JSON.stringify(result())}\n`);
    return;
  }
  const found = shown();
  print(typeof found === 'string' ? found : tableText(found));
}

/**
 * Fails early where a result could not be written late.
 * @throws ConfigError, in one line
 */
export function checkWritable(path: string): void {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    if (stat !== undefined) accessSync(path, constants.W_OK);
    if (stat === undefined || stat.isFile()) accessSync(dirname(path), constants.W_OK);
  } catch (cause) {
    throw fileProblem(ConfigError, path, 'a file that can be written', 'write', cause);
  }
}
