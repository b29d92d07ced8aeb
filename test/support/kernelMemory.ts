// One backend over one memory with named places for numbers: what tests of single kernels need and no more.

import { Arena, ArenaLayout } from '../../src/backend/arena.ts';
import { type Backend, type BackendFactory, LANES } from '../../src/backend/backend.ts';

const BYTES = 1 << 22;

export class KernelMemory {
  #end: number;
  private constructor(
    readonly arena: Arena,
    readonly kernels: Backend,
    readonly start: number,
  ) {
    this.#end = start;
  }

  static async create(factory: BackendFactory): Promise<KernelMemory> {
    const layout = new ArenaLayout(1);
    const start = layout.reserve('all', BYTES);
    const arena = Arena.allocate(layout);
    const compiled = await factory.compile();
    await factory.load?.(compiled);
    return new KernelMemory(arena, factory.create(arena, compiled, 0), start);
  }

  /** Forgets all places. */
  reset(): void {
    this.#end = this.start;
  }

  /** A place for `count` floats, or for these values. */
  floats(values: number | ArrayLike<number>): number {
    const count = typeof values === 'number' ? values : values.length;
    const at = this.#end;
    this.#end = Math.ceil((at + 4 * count) / 64) * 64;
    if (this.#end > this.start + BYTES) throw new RangeError('KernelMemory: out of room');
    if (typeof values === 'number') this.arena.floats(at, count).fill(0);
    else this.arena.floats(at, count).set(values);
    return at;
  }

  ints(values: readonly number[]): number {
    const at = this.floats(values.length);
    this.arena.i32.set(values, at / 4);
    return at;
  }

  /** A matrix [rows, columns] of value(row, column) in panels of `rows` rows. */
  panels(rows: number, columns: number, value: (row: number, column: number) => number): number {
    const at = this.floats(Math.ceil(columns / LANES) * LANES * rows);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) this.arena.f32[this.index(at, rows, r, c)] = value(r, c);
    return at;
  }

  /** Element (row, column) of a matrix in panels of `rows` rows. */
  get(at: number, rows: number, row: number, column: number): number {
    return this.arena.f32[this.index(at, rows, row, column)];
  }

  /** `count` floats at a place. */
  read(at: number, count: number): Float32Array {
    return this.arena.floats(at, count).slice();
  }

  private index(at: number, rows: number, row: number, column: number): number {
    const panel = (column - (column % LANES)) / LANES;
    return at / 4 + (panel * rows + row) * LANES + (column % LANES);
  }
}
