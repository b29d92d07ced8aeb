// One shared WebAssembly.Memory that all workers compute in: reserved by name before it is made, never grown.
// Offsets are bytes, aligned to a cache line, so a region's place can be worked out again by any thread.

const PAGE = 65_536;
/** 4 GiB: kernels address with 32 bits. */
export const MAX_PAGES = 65_536;
const ALIGN = 64;
/** Stack of one thread's kernels: they keep little in memory, but a compiler may spill. */
export const STACK_BYTES = 65_536;

/** A WebAssembly.Memory, as far as is needed of it: its own type would ask every user's compiler for the DOM library. */
export interface ArenaMemory {
  readonly buffer: ArrayBufferLike;
}

/** Collects named reservations; the same calls give the same offsets in every thread. */
export class ArenaLayout {
  readonly regions = new Map<string, { offset: number; bytes: number }>();
  #end: number;

  /** @param threads how many kernel stacks to keep room for, at the low end of the memory */
  constructor(readonly threads: number) {
    // Page 0 stays unused so that no region has offset 0, which kernels read as "not wanted".
    this.#end = PAGE + threads * STACK_BYTES;
  }

  /** Reserves `bytes` under a name and returns their offset. */
  reserve(name: string, bytes: number): number {
    if (this.regions.has(name)) throw new RangeError(`arena: expected a new region name, got ${name} twice`);
    const offset = this.#end;
    this.regions.set(name, { offset, bytes });
    this.#end = Math.ceil((offset + bytes) / ALIGN) * ALIGN;
    return offset;
  }

  get bytes(): number {
    return this.#end;
  }
}

/** The memory itself with one view of each element type over all of it. */
export class Arena {
  readonly f32: Float32Array<SharedArrayBuffer>;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly f64: Float64Array<SharedArrayBuffer>;
  readonly u8: Uint8Array<SharedArrayBuffer>;

  constructor(
    readonly memory: ArenaMemory,
    readonly threads: number,
  ) {
    const buffer = memory.buffer as SharedArrayBuffer;
    this.f32 = new Float32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }

  /**
   * Makes the memory for a layout.
   * @param pages of 64 KiB to make, where more than the layout needs are wanted
   * @param explain the message for bytes that could not be had
   * @throws RangeError when the machine has no room, or the 4 GiB that kernels can address
   */
  static allocate(layout: ArenaLayout, pages = arenaPages(layout), explain = noMemory): Arena {
    try {
      return new Arena(
        new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }),
        layout.threads,
      );
    } catch (cause) {
      throw new RangeError(explain(layout.bytes), { cause });
    }
  }

  /** Float32 view of `count` elements at a byte offset. */
  floats(offset: number, count: number): Float32Array<SharedArrayBuffer> {
    return this.f32.subarray(offset >>> 2, (offset >>> 2) + count);
  }
}

/** Pages of 64 KiB a layout needs. @throws RangeError for more than kernels can address */
export function arenaPages(layout: ArenaLayout): number {
  const pages = Math.ceil(layout.bytes / PAGE);
  if (pages <= MAX_PAGES) return pages;
  throw new RangeError(
    `arena: expected at most 4096 MiB, got ${Math.ceil(layout.bytes / 1_048_576)} MiB — use fewer rows, draws or weights`,
  );
}

function noMemory(bytes: number): string {
  return `arena: expected ${Math.ceil(bytes / 1_048_576)} MiB of memory, got none — close other programs or use fewer rows`;
}
