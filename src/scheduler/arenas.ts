// The arenas of a platform: lent to a job, cleared and lent again. Making one costs 8 to 10 GiB of addresses that every worker
// keeps until it collects garbage, so few are made, those in store are bounded, and letting go of one ends in a collection.

import { Arena, type ArenaLayout, type ArenaMemory, arenaPages, MAX_PAGES } from '../backend/arena.ts';
import type { Platform } from '../platform/platform.ts';

/** An arena in one job's hands. */
export interface Loan {
  readonly arena: Arena;
  /** Number of the memory, unique in the process; workers keep by it what they made for the memory. */
  readonly id: number;
}

interface Entry {
  readonly id: number;
  readonly memory: ArenaMemory;
  readonly pages: number;
  /** Bytes from the start that are not known to be zero. */
  dirty: number;
}

/** Bounds of what is kept for the next job, and of what is let go of before garbage is collected. */
export interface ArenaBounds {
  readonly free: number;
  freeBytes(): number;
  readonly gone: number;
  readonly goneBytes: number;
}

/** What a pool of arenas needs of the platform. */
export type ArenaPlatform = Pick<
  Platform,
  'availableMemory' | 'adviseHugePages' | 'collectGarbage' | 'noMemoryMessage'
>;

function defaultBounds(platform: ArenaPlatform): ArenaBounds {
  return {
    free: 16,
    freeBytes: () => Math.min(1 << 30, platform.availableMemory() / 4),
    gone: 8,
    goneBytes: 256 << 20,
  };
}
/** What may be kept once no runtime is open. */
const IDLE_BYTES = 64 << 20;
const PAGE = 65_536;
/** An arena of up to this many pages (16 MiB) serves any smaller layout. */
const SMALL_PAGES = 256;

export class ArenaPool {
  readonly #bounds: ArenaBounds;
  /** Least recently used first. */
  readonly #free: Entry[] = [];
  readonly #lent = new WeakMap<Loan, Entry>();
  /** A job that is dropped halfway, as an iterator may be, gives nothing back. */
  readonly #dropped = new FinalizationRegistry<Entry>((entry) => this.#letGo(entry));
  /** How the workers of each open runtime let go. */
  readonly #users = new Set<() => Promise<void>>();
  #made = 0;
  /** Let go of since the last collection. */
  #gone = { count: 0, bytes: 0 };
  #evictions = 0;

  /** @param allocate makes memory; another in tests of what happens when there is none */
  constructor(
    readonly platform: ArenaPlatform,
    bounds: Partial<ArenaBounds> = {},
    readonly allocate = Arena.allocate,
  ) {
    this.#bounds = { ...defaultBounds(platform), ...bounds };
  }

  /** Collections of arenas let go of, so far: a worker that has seen fewer must let go as well. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Arenas and bytes that are kept for later. */
  get free(): { readonly count: number; readonly bytes: number } {
    return {
      count: this.#free.length,
      bytes: this.#free.reduce((sum, { pages }) => sum + pages * PAGE, 0),
    };
  }

  /** Counts a runtime in. @param letGo has its workers forget every arena; the function returned counts it out */
  join(letGo: () => Promise<void>): () => void {
    this.#users.add(letGo);
    return () => {
      this.#users.delete(letGo);
      if (this.#users.size > 0) return;
      this.#trim(IDLE_BYTES);
      this.settle();
    };
  }

  /**
   * An arena for a layout with nothing but zeros in it; to be given back.
   * @throws RangeError when there is no memory for it
   */
  async lend(layout: ArenaLayout): Promise<Loan> {
    const pages = arenaPages(layout);
    const entry = this.#take(pages) ?? (await this.#make(layout, pages));
    const arena = new Arena(entry.memory, layout.threads);
    arena.u8.fill(0, 0, entry.dirty);
    entry.dirty = layout.bytes;
    const loan = { arena, id: entry.id };
    this.#lent.set(loan, entry);
    this.#dropped.register(loan, entry, loan);
    return loan;
  }

  /**
   * Takes back an arena that no worker writes to any longer; idempotent.
   * @param stuck a worker may write to it for ever: it must not be used again
   */
  giveBack(loan: Loan, stuck = false): void {
    const entry = this.#lent.get(loan);
    if (entry === undefined) return;
    this.#lent.delete(loan);
    this.#dropped.unregister(loan);
    const most = this.#bounds.freeBytes();
    if (stuck || entry.pages * PAGE > most) this.#letGo(entry);
    else this.#free.push(entry);
    this.#trim(most);
  }

  /** Collects garbage if enough was let go of. */
  settle(): void {
    const { count, bytes } = this.#gone;
    if (count >= this.#bounds.gone || bytes >= this.#bounds.goneBytes) this.#collect();
  }

  #take(pages: number): Entry | null {
    let best = -1;
    for (const [n, entry] of this.#free.entries()) {
      if (entry.pages < pages || entry.pages > Math.max(2 * pages, SMALL_PAGES)) continue;
      if (best < 0 || entry.pages < this.#free[best].pages) best = n;
    }
    return best < 0 ? null : this.#free.splice(best, 1)[0];
  }

  async #make(layout: ArenaLayout, pages: number): Promise<Entry> {
    this.settle();
    const entry = (size: number): Entry => {
      const { memory } = this.allocate(layout, size, (bytes) => this.platform.noMemoryMessage(bytes));
      this.platform.adviseHugePages(memory);
      return { id: ++this.#made, memory, pages: size, dirty: 0 };
    };
    try {
      return entry(sizeClass(pages));
    } catch {
      // What is kept may be what is missing.
      this.#trim(0);
      await Promise.all([...this.#users].map((letGo) => letGo()));
      this.#collect();
      return entry(pages);
    }
  }

  #trim(bytes: number): void {
    while (this.#free.length > this.#bounds.free || this.free.bytes > bytes)
      this.#letGo(this.#free.shift() as Entry);
  }

  #letGo({ pages }: Entry): void {
    this.#gone = { count: this.#gone.count + 1, bytes: this.#gone.bytes + pages * PAGE };
  }

  #collect(): void {
    this.#evictions++;
    this.#gone = { count: 0, bytes: 0 };
    this.platform.collectGarbage();
  }
}

/** The pages to allocate for a request: four sizes from one power of two to the next, so that jobs of about one size share arenas. */
export function sizeClass(pages: number): number {
  let step = 1;
  while (8 * step <= pages) step *= 2;
  return Math.min(MAX_PAGES, Math.max(16, Math.ceil(pages / step) * step));
}

const pools = new WeakMap<ArenaPlatform, ArenaPool>();

/** The pool of all runtimes on a platform. */
export function arenasOf(platform: ArenaPlatform): ArenaPool {
  const pool = pools.get(platform) ?? new ArenaPool(platform);
  pools.set(platform, pool);
  return pool;
}
