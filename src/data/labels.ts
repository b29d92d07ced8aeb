// Turning what a target column says into class numbers: one naming and one order, whatever file it came from.

import { listed } from './dataset.ts';
import { isDecimal, isMissing } from './formats/number.ts';
import { grown } from './grown.ts';
import { fail, show } from './message.ts';

// Beyond this many classes, and more than a third as many as there are rows, a column is a number or a key rather than a label.
const MANY_CLASSES = 20;

/** Where a label stood: `at(i)` is the start of a message about the label of row i. */
export type PlaceOfRow = (row: number) => string;

/** Gathers the labels of one column row by row; memory grows with the distinct ones and 4 bytes a row. */
export class LabelCollector {
  readonly #codes = new Map<string, number>();
  readonly #firstRow: number[] = [];
  #labels = new Int32Array(1024);
  #rows = 0;

  push(text: string): void {
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = this.#codes.size;
      this.#codes.set(text, code);
      this.#firstRow.push(this.#rows);
    }
    if (this.#rows === this.#labels.length) this.#labels = grown(this.#labels);
    this.#labels[this.#rows++] = code;
  }

  /**
   * Labels as indices into `classNames`: the given ones, else those found as they are written (01234 is not 1234), in numeric order if all
   * are integers and in the order of UTF-16 code units (of no locale) otherwise.
   * @throws DataError for a column of numbers that are no classes, a missing or unknown label, one number written in two ways, fewer than
   * two classes
   */
  finish(
    at: PlaceOfRow,
    column: string,
    given: readonly string[] | null,
  ): { labels: Int32Array; classNames: readonly string[] } {
    const texts = [...this.#codes.keys()];
    if (given === null) this.#check(texts, at, column);
    const classNames = given ?? sorted(texts);
    const index = new Map(classNames.map((name, k) => [name, k]));
    // Classes of runs that read labels as integers are called by plain ones, however the file writes them.
    const plain = given?.every((name) => integerName(name) === name) ?? false;
    const map = texts.map((text, code) => {
      const k = index.get(text) ?? index.get((plain ? integerName(text) : null) ?? withoutZeroFraction(text));
      return k ?? unknownClass(at(this.#firstRow[code]), text, classNames);
    });
    return { labels: this.#labels.subarray(0, this.#rows).map((code) => map[code]), classNames };
  }

  // What stands for a missing value is a class only in a column where every other label is text too.
  #check(texts: readonly string[], at: PlaceOfRow, column: string): void {
    const missing = texts.findIndex(isMissing);
    const others = texts.filter((text) => !isMissing(text));
    const numeric = others.length > 0 && others.every((text) => isDecimal(text));
    if (missing >= 0 && (numeric || /^nan$/i.test(texts[missing]))) {
      fail(at(this.#firstRow[missing]), 'a class label', show(texts[missing]), 'drop rows without a label');
    }
    const fraction = numeric ? texts.findIndex((text) => integerName(text) === null) : -1;
    if (fraction >= 0) {
      const next =
        'the column looks continuous: use a gaussian likelihood, or name the label column as target';
      fail(at(this.#firstRow[fraction]), 'an integer or text as class label', show(texts[fraction]), next);
    }
    const seen = new Map<string, string>();
    texts.forEach((text, code) => {
      const number = withoutZeroFraction(text);
      const before = seen.get(number);
      if (before !== undefined) {
        const next = 'write each class in one way';
        fail(at(this.#firstRow[code]), `class ${show(before)} written as before`, show(text), next);
      }
      seen.set(number, text);
    });
    const classes = texts.length;
    if (classes < 2) {
      const got = `1 class (${show(texts[0])} in all ${this.#rows} rows)`;
      fail(
        column,
        'at least 2 classes',
        got,
        'there is nothing to predict in it: use another column as target',
      );
    }
    if (classes > MANY_CLASSES && classes * 3 > this.#rows) {
      const next = 'the column looks continuous or like a key: use a gaussian likelihood or another target';
      fail(column, 'a few classes', `${classes} different labels in ${this.#rows} rows`, next);
    }
  }
}

/** Classes of integer labels in several arrays at once: the distinct values in numeric order, and each array as indices into them. */
export function integerClasses(arrays: readonly Int32Array[]): {
  classNames: readonly string[];
  labels: Int32Array[];
} {
  const distinct = new Set<number>();
  for (const values of arrays) for (const value of values) distinct.add(value);
  const ordered = [...distinct].sort((a, b) => a - b);
  const index = new Map(ordered.map((value, k) => [value, k]));
  return {
    classNames: ordered.map(String),
    labels: arrays.map((values) => values.map((v) => index.get(v)!)),
  };
}

/** The plain spelling of an integer written in any way (`3.0` → `3`), or null. */
export function integerName(text: string): string | null {
  if (!isDecimal(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? String(value + 0) : null;
}

/** `3.0`, `+3` and `3e0` as `3`, but 03 as it is: zeros in front are a spelling of postal codes, zeros behind one of programs. */
function withoutZeroFraction(text: string): string {
  return /^[+-]?0\d/.test(text) ? text : (integerName(text) ?? text);
}

function sorted(names: readonly string[]): readonly string[] {
  const inText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  if (names.every((name) => integerName(name) !== null))
    return [...names].sort((a, b) => Number(a) - Number(b) || inText(a, b));
  return [...names].sort(inText);
}

function unknownClass(at: string, text: string, classNames: readonly string[]): never {
  const next = 'the model never saw this class: drop the row or train with it';
  fail(at, `one of the classes ${listed(classNames)}`, show(text), next);
}
