// Runs one kernel of the reference and of another backend on equal memories and compares every byte afterwards. Only a
// matrix product by a backend that calls itself not reproducible may differ, within gemmBounds.ts.

import { expect } from 'vitest';
import { Arena, ArenaLayout } from '../../src/backend/arena.ts';
import {
  type Backend,
  type BackendFactory,
  type KernelName,
  type Kernels,
  LANES,
} from '../../src/backend/backend.ts';
import { referenceFactory } from '../../src/backend/reference/reference.ts';
import { philox4x32 } from '../../src/random/philox.ts';
import { gemmBounds } from './gemmBounds.ts';

/** The sizes at which vector code goes wrong. */
export const SIZES = [0, 1, 3, 5, 7, 15, 16, 17, 31, 33];

const SLOT_BYTES = 24_576;
const SLOTS = 13;
const THREADS = 3;
/** Neither first nor last, so that a stack that leaves its place is seen on either side. */
const THREAD = 1;

/** Floats [from, from + count) of the arena, by index. */
export type Range = readonly [from: number, count: number];

// biome-ignore format: one kind a line
const NASTY = [
  0, -0, Number.NaN, Infinity, -Infinity,
  1.4e-45, -1.4e-45, 5e-39, -5e-39, 1.17549435e-38, 3.4028234e38, -3.4028234e38,
  1, -1, 0.5, -0.5, 0.55, 0.41, 2, -2, 1e-7, -1e-7, 16777216, 1e10, -1e10,
  15, -15, 20, -20, 87.5, -87.5, 88.8, -88.8, 103.9, -103.9, 104.1, -104.1, 300, -300,
];

/** A stream of test values of its own: uniform words from Philox, so no engine changes them. */
export class TestValues {
  readonly #words = new Uint32Array(4);
  #count = 0;
  constructor(readonly seed: number) {}

  word(): number {
    if (this.#count % 4 === 0) philox4x32([this.#count, 0, 0, 0], [this.seed, 99], this.#words);
    return this.#words[this.#count++ % 4];
  }
  uniform(): number {
    return this.word() / 2 ** 32;
  }
  /** Roughly normal; exactly how does not matter. */
  ordinary(): number {
    return Math.fround((this.uniform() + this.uniform() + this.uniform() + this.uniform() - 2) * 1.7);
  }
  nasty(): number {
    const kind = this.word() % 4;
    if (kind === 0) return NASTY[this.word() % NASTY.length];
    if (kind === 1) return Math.fround(this.ordinary() * 10 ** ((this.word() % 80) - 40));
    return this.ordinary() * 10;
  }
}

/** A pool of values, made once: cases differ in where they begin to read it. */
function pool(seed: number, next: (values: TestValues) => number): Float32Array {
  const values = new TestValues(seed);
  return Float32Array.from({ length: 100_003 }, () => next(values));
}
const POOLS = {
  ordinary: pool(1, (values) => values.ordinary()),
  nasty: pool(2, (values) => values.nasty()),
};

export class KernelPair {
  readonly #reference: { arena: Arena; backend: Backend };
  readonly #other: { arena: Arena; backend: Backend };
  readonly #before: Int32Array;

  readonly #exact: boolean;
  /** Names of the kernels run so far. */
  readonly compared = new Set<KernelName>();

  private constructor(layout: ArenaLayout, other: BackendFactory, compiled: unknown) {
    this.#exact = other.reproducible;
    const make = (factory: BackendFactory, code: unknown) => {
      const arena = Arena.allocate(layout);
      return { arena, backend: factory.create(arena, code, THREAD) };
    };
    this.#reference = make(referenceFactory, null);
    this.#other = make(other, compiled);
    this.#before = new Int32Array(this.#reference.arena.i32.length);
  }

  static async create(other: BackendFactory): Promise<KernelPair> {
    const layout = new ArenaLayout(THREADS);
    for (let i = 0; i < SLOTS; i++) layout.reserve(`slot ${i}`, SLOT_BYTES);
    const compiled = await other.compile();
    await other.load?.(compiled);
    return new KernelPair(layout, other, compiled);
  }

  /** Byte offset of slot 0, 1, …, each with room for 6144 floats. */
  slot(i: number): number {
    if (i >= SLOTS) throw new RangeError(`slot: expected less than ${SLOTS}, got ${i} — raise SLOTS`);
    return 65_536 * (1 + THREADS) + i * SLOT_BYTES;
  }

  /** The backend that is compared with the reference. */
  get other(): Backend {
    return this.#other.backend;
  }

  /** Views of the reference's memory, to set inputs in before `run`. */
  get f32(): Float32Array {
    return this.#reference.arena.f32;
  }
  get i32(): Int32Array {
    return this.#reference.arena.i32;
  }

  /** Fills all slots with one value, or with values of a kind that differ from seed to seed. */
  fill(values: number | keyof typeof POOLS, seed: number = 0): void {
    const slots = this.f32.subarray(this.slot(0) / 4, (this.slot(SLOTS - 1) + SLOT_BYTES) / 4);
    if (typeof values === 'number') {
      slots.fill(values);
      return;
    }
    const from = POOLS[values];
    for (let done = 0, at = (seed * 7919) % from.length; done < slots.length; at = 0) {
      const piece = from.subarray(at, at + slots.length - done);
      slots.set(piece, done);
      done += piece.length;
    }
  }

  /**
   * Calls the kernel on both memories, the other's made equal first. Holds that both returned and left the
   * same bits (any NaN equals any NaN: its payload belongs to the engine), or a product within its bounds, and that
   * nothing was written outside `outputs`.
   */
  run<K extends KernelName>(
    name: K,
    args: Parameters<Kernels[K]>,
    outputs: readonly Range[],
  ): ReturnType<Kernels[K]> {
    this.compared.add(name);
    const [a, b] = [this.#reference, this.#other];
    b.arena.i32.set(a.arena.i32);
    this.#before.set(a.arena.i32);
    const fits =
      this.#exact || name !== 'gemm_f32'
        ? null
        : gemmBounds(this.f32, args as Parameters<Kernels['gemm_f32']>);
    const call = (backend: Backend) => (backend[name] as (...args: unknown[]) => unknown)(...args);
    const returned = call(a.backend) as ReturnType<Kernels[K]>;
    const note = `${name}(${args.join(', ')})`;
    expect(call(b.backend), note).toBe(returned);
    const allowed = [...outputs].sort((x, y) => x[0] - y[0]);
    const ownStack: Range = [(65_536 * (1 + THREAD)) / 4, 65_536 / 4];
    const problems: string[] = [];
    const report = (i: number, what: string) =>
      problems.push(`float ${i} (slot ${((i * 4 - this.slot(0)) / SLOT_BYTES).toFixed(3)}): ${what}`);
    const [wanted, got, before] = [a.arena.i32, b.arena.i32, this.#before];
    let next = 0;
    for (let i = 0; i < before.length && problems.length < 5; i++) {
      if (i === ownStack[0]) i += ownStack[1];
      if (wanted[i] === got[i] && got[i] === before[i]) continue;
      while (next < allowed.length && i >= allowed[next][0] + allowed[next][1]) next++;
      const [want, have] = [a.arena.f32[i], b.arena.f32[i]];
      const equal = wanted[i] === got[i] || (Number.isNaN(want) && Number.isNaN(have));
      if (!equal && !fits?.get(i)?.(have)) report(i, `expected ${want}, got ${have}`);
      if (next === allowed.length || i < allowed[next][0]) report(i, 'written outside the output');
    }
    if (problems.length > 0) expect.fail(`${note}:\n${problems.join('\n')}`);
    return returned;
  }
}

/** The first `lanes` lanes of `rows` rows at a byte offset. */
export function rowRanges(at: number, rows: number, lanes: number = LANES): Range[] {
  return Array.from({ length: rows }, (_, r): Range => [at / 4 + r * LANES, lanes]);
}

/** A matrix [rows, 16·panels] in panels of `stride` rows. */
export function panelRanges(at: number, stride: number, rows: number, panels: number): Range[] {
  return Array.from({ length: panels }, (_, p): Range => [at / 4 + p * stride * LANES, rows * LANES]);
}
