// The words of messages: `<where>: expected <what>, got <what> — <next step>`, one short line whatever the value at hand is.

import { distance } from 'fastest-levenshtein';

/** Characters of a user's own text that a message repeats. */
const SHOWN = 60;

/** The one form of an error about a value, on one line whatever the parts hold. */
export function mismatch(where: string, expected: string, got: string, next: string): string {
  return oneLine(`${where}: expected ${expected}, got ${got} — ${next}`);
}

/** The known name nearest to `given` (case, `_` and `-` apart), or null when none is near. */
export function nearest(given: string, known: readonly string[]): string | null {
  const plain = (name: string) => name.replace(/[_-]/g, '').toLowerCase();
  const wanted = plain(given.slice(0, 100));
  let best: string | null = null;
  // Two letters of three are any other name.
  let least = (wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3))) + 1;
  for (const name of known) {
    const d = swapped(wanted, plain(name)) ? 1 : distance(wanted, plain(name));
    // Three letters away from a name of three letters is any other name.
    if (d < least && d < plain(name).length) {
      least = d;
      best = name;
    }
  }
  return best;
}

/** Whether two neighbors in the wrong order are all that tells two words apart. */
function swapped(a: string, b: string): boolean {
  const i = [...a].findIndex((letter, at) => letter !== b[at]);
  return i >= 0 && a.slice(0, i) + (a[i + 1] ?? '') + a[i] + a.slice(i + 2) === b;
}

/** Any value as it may stand in a message: short, on one line. Runs no code of the value's own. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'bigint':
      return value > -(2n ** 64n) && value < 2n ** 64n ? `${value}n` : 'a large BigInt';
    case 'string':
      return oneLine(JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value));
    case 'object':
      return value === null ? 'null' : describeObject(value);
    default:
      return String(value);
  }
}

function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      const { length } = value as Uint8Array;
      return `${withArticle(builtinName(value))} of ${length}`;
    }
    if (typeof (value as { then?: unknown }).then === 'function') return 'a promise';
    const name = builtinName(value);
    return name === 'Object' ? 'a map' : withArticle(name);
  } catch {
    return 'an object that cannot be read';
  }
}

/** `Date`, `Map`, `Float32Array` …; `Object` for plain objects and instances of classes. */
export function builtinName(value: object): string {
  return oneLine(Object.prototype.toString.call(value).slice(8, -1).slice(0, SHOWN));
}

function withArticle(name: string): string {
  return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
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

/** `a, b or c`. */
export function listed(values: readonly string[]): string {
  return values.length === 1 ? values[0] : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
