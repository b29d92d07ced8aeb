// JSON from an untrusted file: what JSON.parse lets through (a name given twice, endless nesting, bytes that are not UTF-8)
// is refused here.

import { describeValue, oneLine } from '../../messages.ts';

/** The class of error a caller wants for its kind of file. */
export type ErrorType = new (message: string, options?: ErrorOptions) => Error;

/**
 * The value of JSON text in UTF-8 bytes; objects and arrays nest at most `maxDepth` deep.
 * @throws `type` naming `where`, and the character where there is one
 */
export function parseStrictJson(
  bytes: Uint8Array,
  maxDepth: number,
  where: string,
  type: ErrorType,
): unknown {
  let text: string;
  try {
    // A byte order mark stays in, and is refused below: JSON has none.
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new type(oneLine(`${where}: expected UTF-8 text, got other bytes — the file is damaged`), {
      cause,
    });
  }
  const flaw = findFlaw(text, maxDepth);
  if (flaw !== null) throw new type(oneLine(`${where}: expected ${flaw} — the file is damaged`));
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = (cause as Error).message.slice(0, 120);
    throw new type(oneLine(`${where}: expected JSON, got a syntax error (${why}) — the file is damaged`), {
      cause,
    });
  }
}

/** Walks over brackets and strings before anything is built; text that is not JSON at all is left to JSON.parse. */
function findFlaw(text: string, maxDepth: number): string | null {
  /** Names seen in each open object; null for an open array. */
  const open: (Set<string> | null)[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{' || c === '[') {
      open.push(c === '{' ? new Set() : null);
      if (open.length > maxDepth) return `at most ${maxDepth} levels of brackets, got more at character ${i}`;
    } else if (c === '}' || c === ']') open.pop();
    else if (c === '"') {
      const start = i;
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++;
      const names = open.at(-1);
      if (!names || !isName(text, i + 1)) continue;
      const name = unescaped(text.slice(start, i + 1));
      if (names.has(name)) return `each name once, got ${describeValue(name)} again at character ${start}`;
      names.add(name);
    }
  }
  return null;
}

/** Whether a colon follows. */
function isName(text: string, at: number): boolean {
  let i = at;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++;
  return text[i] === ':';
}

function unescaped(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return literal; // Not JSON: the parse that follows says so.
  }
}
