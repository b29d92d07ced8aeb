// The text of a config as values: YAML (JSON is YAML too) of bounded size and nesting, its mistakes reported by line and column.

import { isScalar, parseDocument } from 'yaml';
import { ConfigError } from '../../errors.ts';
import { mismatch } from '../../messages.ts';

/** Larger than any config, and small enough that hostile YAML cannot hold the parser up. */
export const LIMIT_BYTES = 65_536;
const LIMIT_NESTING = 256;

/** Any YAML, and how its numbers were written. @throws ConfigError naming the line */
export function parseYaml(text: string, file: string) {
  if (text.length > LIMIT_BYTES) {
    throw problem(
      file,
      `a config of at most ${LIMIT_BYTES} bytes`,
      `${text.length}`,
      'is it the right file?',
    );
  }
  // The YAML parser recurses, and runs out of memory in ways that cannot be caught when brackets, or `- - -`, nest thousands deep. Nesting by
  // indentation takes more and more spaces: LIMIT_BYTES have room for a few hundred levels.
  const brackets = text.match(/[[{]/g)?.length ?? 0;
  if (brackets > LIMIT_NESTING) {
    throw problem(file, `at most ${LIMIT_NESTING} brackets`, `${brackets}`, 'is it the right file?');
  }
  for (const [i, line] of text.split(/[\r\n]/).entries()) {
    const items = line.match(/[-?](?=[ \t])/g)?.length ?? 0;
    if (items <= LIMIT_NESTING) continue;
    const expected = `at most ${LIMIT_NESTING} dashes and question marks in a line`;
    throw problem(`${file}:${i + 1}`, expected, `${items}`, 'is it the right file?');
  }
  try {
    const document = parseDocument(text, { prettyErrors: true, logLevel: 'error' });
    const error = document.errors[0] ?? document.warnings[0];
    if (error !== undefined) {
      const at = error.linePos?.[0];
      const what = error.message.split('\n')[0].replace(/ at line \d+, column \d+:?$/, '');
      throw problem(
        at === undefined ? file : `${file}:${at.line}:${at.col}`,
        'YAML or JSON',
        what,
        'correct the syntax there',
      );
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    const written = (path: readonly PropertyKey[]) => {
      const node = document.getIn(path, true);
      return isScalar(node) && typeof node.value === 'number' && node.source !== undefined
        ? node.source.slice(0, 60)
        : undefined;
    };
    return { value, written };
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    // Aliases that multiply, or nesting beyond the stack.
    const what = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw problem(file, 'YAML or JSON', what, 'write it without aliases and deep nesting', { cause });
  }
}

function problem(
  where: string,
  expected: string,
  got: string,
  next: string,
  options?: ErrorOptions,
): ConfigError {
  return new ConfigError(mismatch(where, expected, got, next), options);
}
