// The header of an NPY file: a Python dict literal of exactly three keys, read by a parser for just that. Nothing is evaluated.

import { fail, show } from '../message.ts';

export interface NpyHeader {
  /** Byte order and type, such as `<f4`. */
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

const NEXT = 'save the array again with numpy.save';
const TYPE = /^(?:[<>=|][fiu][1248]|[|<>=]b1|[fiu][1248]|b1)$/;
const NO_SUCH = new Set(['f1', 'f2']);
const MOST_DIMENSIONS = 64; // NumPy's own limit

/** The three entries of the header. @throws DataError starting with `where` */
export function parseNpyHeader(text: string, where: string): NpyHeader {
  const reader = new Reader(text, where);
  const found = new Map<string, unknown>();
  reader.token(/\s*\{\s*/y, '{');
  while (!reader.accepts(/\s*\}\s*/y)) {
    const key = reader.string();
    if (found.has(key)) fail(where, 'each key once', `${show(key)} twice`, NEXT);
    reader.token(/\s*:\s*/y, ':');
    if (key === 'descr') found.set(key, reader.string());
    else if (key === 'fortran_order') found.set(key, reader.token(/True|False/y, 'True or False') === 'True');
    else if (key === 'shape') found.set(key, reader.shape());
    else fail(where, 'only the keys descr, fortran_order and shape', show(key), NEXT);
    if (!reader.accepts(/\s*,\s*/y) && !reader.ahead(/\s*\}/y)) fail(where, 'a comma', reader.rest(), NEXT);
  }
  if (!reader.atEnd()) fail(where, 'nothing after the dict', reader.rest(), NEXT);
  for (const key of ['descr', 'fortran_order', 'shape']) {
    if (!found.has(key)) fail(where, `the key ${key}`, 'none', NEXT);
  }
  return {
    descr: checkedType(found.get('descr') as string, where),
    fortranOrder: found.get('fortran_order') as boolean,
    shape: found.get('shape') as number[],
  };
}

function checkedType(descr: string, where: string): string {
  const type = /[a-z]\d$/.exec(descr)?.[0] ?? '';
  if (!TYPE.test(descr) || NO_SUCH.has(type)) {
    const next = "convert it with array.astype('float32') before saving";
    fail(`${where}, descr`, 'a type f4, f8, i1 to i8, u1 to u8 or b1', show(descr), next);
  }
  // One byte has no order, and `=` would be the order of an unknown machine; NumPy writes neither.
  return descr.length === 2 || descr[0] === '=' ? `<${type}` : descr;
}

class Reader {
  #at = 0;

  constructor(
    readonly text: string,
    readonly where: string,
  ) {}

  accepts(pattern: RegExp): boolean {
    return this.#match(pattern) !== null;
  }

  ahead(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    return pattern.test(this.text);
  }

  token(pattern: RegExp, what: string): string {
    return this.#match(pattern) ?? fail(this.where, what, this.rest(), NEXT);
  }

  string(): string {
    const quoted = this.#match(/'[^'\\\n]*'|"[^"\\\n]*"/y);
    if (quoted === null) {
      const what = this.ahead(/\[/y) ? 'a plain type, not a structured one' : 'a quoted string';
      fail(this.where, what, this.rest(), NEXT);
    }
    return quoted.slice(1, -1);
  }

  /** `()`, `(3,)`, `(3, 4)`; Python 2 wrote `(3L, 4L)`. */
  shape(): number[] {
    const literal = this.token(/\(\s*(?:\d{1,16}L?\s*,\s*)*(?:\d{1,16}L?\s*)?\)/y, 'a tuple of sizes');
    const sizes = literal.match(/\d+/g)?.map(Number) ?? [];
    if (sizes.length === 1 && !literal.includes(','))
      fail(`${this.where}, shape`, 'a tuple such as (3,)', show(literal), NEXT);
    if (sizes.length > MOST_DIMENSIONS) {
      fail(`${this.where}, shape`, `at most ${MOST_DIMENSIONS} dimensions`, `${sizes.length}`, NEXT);
    }
    return sizes;
  }

  atEnd(): boolean {
    return this.#at === this.text.length;
  }

  rest(): string {
    return this.atEnd() ? 'the end of the header' : show(this.text.slice(this.#at).trim(), 24);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const hit = pattern.exec(this.text);
    if (hit === null) return null;
    this.#at = pattern.lastIndex;
    return hit[0];
  }
}
