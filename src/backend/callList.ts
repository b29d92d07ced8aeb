// A list of kernel calls: its format, the kernels that write one instead of computing, and how it is read. A backend with `runCalls`
// executes a list in the arena at once; kernels/calls.mjs makes that function from the same table.

import { argumentsOf, KERNELS, type KernelName, type Kernels, type Kind, makeKernels } from './backend.ts';

const NAMES = Object.keys(KERNELS) as KernelName[];
/** By kernel, in the order of the table, which is the number a list knows it by. */
const KINDS: ReadonlyArray<readonly Kind[]> = NAMES.map((name) => argumentsOf(name).map(({ kind }) => kind));

/**
 * Writes calls as 32-bit words, one after the other: a kernel's number in the table, then its arguments in order, each as the word that C
 * receives.
 */
export class CallRecorder {
  #words: number[] = [];
  /** Kernels that compute nothing and append their call. A result, which is not known yet, is 0. */
  readonly kernels: Kernels = makeKernels((name) => {
    const number = NAMES.indexOf(name);
    return (...values: number[]) => this.#append(number, values);
  });

  clear(): void {
    this.#words = [];
  }

  /** The calls since `clear`. */
  taken(): Int32Array<ArrayBuffer> {
    return Int32Array.from(this.#words);
  }

  #append(number: number, values: readonly number[]): number {
    const word = (value: number, i: number) => (KINDS[number][i] === 'f32' ? floatBits(value) : value | 0);
    this.#words.push(number, ...values.map(word));
    return 0;
  }
}

/** The kind of each word of a list; null for a kernel's number. */
export function kindsOf(words: Int32Array): Array<Kind | null> {
  const kinds: Array<Kind | null> = [];
  while (kinds.length < words.length) kinds.push(null, ...KINDS[words[kinds.length]]);
  return kinds;
}

function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0];
}
