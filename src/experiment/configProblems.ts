// What is wrong with a value, in one line: `<file>: <dotted path>: expected …, got … — <next step> (and N more problems)`.
// Shared by the readers of config.yaml and manifest.json; knows zod's issues, no field by name.

import { distance } from 'fastest-levenshtein';
import type * as z from 'zod';

type Issue = z.core.$ZodIssue;

/** The known name nearest to `given` (case, `_` and `-` apart), or null when none is near. */
export function nearest(given: string, known: readonly string[]): string | null {
  const plain = (name: string) => name.replace(/[_-]/g, '').toLowerCase();
  const wanted = plain(given.slice(0, 100));
  let best: string | null = null;
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const name of known) {
    const d = distance(wanted, plain(name));
    // Three letters away from a name of three letters is any other name.
    if (d < least && d < plain(name).length) {
      least = d;
      best = name;
    }
  }
  return best;
}

/** Value as it may stand in a message: short, on one line. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'a map';
  if (typeof value === 'string')
    return oneLine(JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value));
  return String(value);
}

/** The same text without line breaks and other control characters. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

/** `a.b[3]."odd key"` for a path of keys and positions. */
export function dotted(path: readonly PropertyKey[]): string {
  let out = '';
  for (const key of path) {
    if (typeof key === 'number') out += `[${key}]`;
    else {
      const name = String(key);
      const shown = /^[\w$-]{1,60}$/.test(name) ? name : describeValue(name);
      out += out === '' ? shown : `.${shown}`;
    }
  }
  return out;
}

/**
 * One line for all that zod found wrong with `input`: the first problem in full, the others counted. Unknown keys come first, for a
 * mistyped name is also why a known one is missing.
 * @param written how a scalar at a path was written, where that differs from its value
 */
export function describeProblems(
  where: string,
  issues: readonly Issue[],
  input: unknown,
  written: (path: readonly PropertyKey[]) => string | undefined = () => undefined,
): string {
  const flat = issues.flatMap((issue) => innermost(issue, input));
  const unknown = flat.filter((issue) => issue.code === 'unrecognized_keys');
  const total = flat.length + unknown.reduce((sum, issue) => sum + issue.keys.length - 1, 0);
  const first = unknown[0] ?? flat[0];
  let { path } = first;
  let got: string;
  if (first.code === 'unrecognized_keys') {
    path = [...path, first.keys[0]];
    got = describeValue(first.keys[0]);
  } else got = written(path) ?? describeValue(valueAt(input, path));
  const [expected, ...next] = first.message.split(' — ');
  const place = path.length === 0 ? where : `${where}: ${dotted(path)}`;
  const more = total === 1 ? '' : ` (and ${total - 1} more problem${total === 2 ? '' : 's'})`;
  return oneLine(`${place}: expected ${expected}, got ${got} — ${next.join(' — ') || nextStep(got)}${more}`);
}

/** A union's problem is that of the one member the input looks like, where there is such a member. */
function innermost(issue: Issue, input: unknown): Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const value = valueAt(input, issue.path);
  const shape = Array.isArray(value)
    ? 'array'
    : typeof value === 'object' && value !== null
      ? 'object'
      : null;
  if (shape === null) return [issue];
  for (const member of issue.errors) {
    const wrongType = member.some((inner) => inner.path.length === 0 && inner.code !== 'unrecognized_keys');
    const wrongKind = member.some((inner) => inner.path.length === 1 && inner.path[0] === 'kind');
    if (member.length > 0 && !wrongType && !wrongKind) {
      return member.flatMap((inner) => innermost({ ...inner, path: [...issue.path, ...inner.path] }, input));
    }
  }
  return [issue];
}

function nextStep(got: string): string {
  if (got === 'nothing') return 'add it';
  if (got === 'null') return 'fill it in or remove the key';
  return /^"-?\d+(\.\d+)?(e[+-]?\d+)?"$/i.test(got) ? 'write it without quotes' : 'change it';
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
