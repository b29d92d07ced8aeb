// Requests that wait for an engine, and which rows of which of them are computed together next: rows with the same settings, in turns over
// callers and over the requests of each, so that neither many requests nor large ones keep others waiting.

/** What rows of a batch share: their answers depend on it and on nothing else of the batch. */
export interface Waiting {
  /** Turns go over callers first. */
  readonly caller: string;
  /** Requests of equal keys can be computed together. */
  readonly key: string;
  readonly rows: number;
  /** Draws of a row: what it costs. */
  readonly draws: number;
  /** Whether its rows may be computed apart from each other and beside those of others. */
  readonly divisible: boolean;
}

/** Rows of one request in a batch. */
export interface Slice<T extends Waiting> {
  readonly request: T;
  readonly firstRow: number;
  readonly rows: number;
}

export interface BatchBudget {
  /** Rows of a batch. */
  readonly rows: number;
  /** Rows of one request before others have their turn. */
  readonly sliceRows: number;
  /** Rows × draws of a batch; MIN_ROWS are always allowed. */
  readonly rowDraws: number;
}

/** Rows of a batch whatever they cost: they share one panel of 16, and the drawn weights. */
const MIN_ROWS = 16;

interface Entry<T extends Waiting> {
  readonly request: T;
  /** Rows that have been taken. */
  taken: number;
}

export class FairQueue<T extends Waiting> {
  /** By caller, in the order of their turns; no list is empty. */
  readonly #callers = new Map<string, Entry<T>[]>();
  #rows = 0;
  #requests = 0;

  constructor(readonly budget: BatchBudget) {}

  /** Rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  /** Requests of which rows wait. */
  get requests(): number {
    return this.#requests;
  }

  /** The requests of which rows wait. */
  all(): T[] {
    return [...this.#callers.values()].flatMap((own) => own.map(({ request }) => request));
  }

  push(request: T): void {
    const own = this.#callers.get(request.caller);
    const entry = { request, taken: 0 };
    if (own === undefined) this.#callers.set(request.caller, [entry]);
    else own.push(entry);
    this.#rows += request.rows;
    this.#requests++;
  }

  /** Removes a request; idempotent. */
  remove(request: T): void {
    const own = this.#callers.get(request.caller);
    const at = own?.findIndex((entry) => entry.request === request) ?? -1;
    if (own === undefined || at < 0) return;
    this.#rows -= request.rows - own[at].taken;
    this.#requests--;
    own.splice(at, 1);
    if (own.length === 0) this.#callers.delete(request.caller);
  }

  /** Takes the next batch out of the queue: slices of requests of one key, the rows of a request in their order. Empty when none waits. */
  take(): Slice<T>[] {
    const head = this.#next();
    if (head === null) return [];
    if (!head.request.divisible) {
      this.remove(head.request);
      this.#rotate(head.request.caller);
      return [{ request: head.request, firstRow: 0, rows: head.request.rows }];
    }
    const { key, draws } = head.request;
    const most = Math.min(this.budget.rows, Math.max(MIN_ROWS, Math.floor(this.budget.rowDraws / draws)));
    const taken = new Map<Entry<T>, { firstRow: number; rows: number }>();
    let left = most;
    for (let before = -1; left > 0 && before !== left; ) {
      before = left;
      for (const caller of [...this.#callers.keys()]) {
        if (left === 0) break;
        const entry = this.#callers
          .get(caller)
          ?.find(
            ({ request, taken: rows }) => request.key === key && request.divisible && rows < request.rows,
          );
        if (entry === undefined) continue;
        const rows = Math.min(left, this.budget.sliceRows, entry.request.rows - entry.taken);
        const slice = taken.get(entry) ?? { firstRow: entry.taken, rows: 0 };
        taken.set(entry, slice);
        slice.rows += rows;
        entry.taken += rows;
        this.#rows -= rows;
        left -= rows;
        this.#behind(caller, entry);
      }
    }
    this.#rotate(head.request.caller);
    return [...taken].map(([{ request }, slice]) => ({ request, ...slice }));
  }

  #next(): Entry<T> | null {
    for (const [first] of this.#callers.values()) return first;
    return null;
  }

  /** Moves an entry that had its turn behind the others of its caller, or removes it when all its rows are taken. */
  #behind(caller: string, entry: Entry<T>): void {
    const own = this.#callers.get(caller) as Entry<T>[];
    own.splice(own.indexOf(entry), 1);
    if (entry.taken < entry.request.rows) {
      own.push(entry);
      return;
    }
    this.#requests--;
    if (own.length === 0) this.#callers.delete(caller);
  }

  /** Moves a caller that had its turn behind the others. */
  #rotate(caller: string): void {
    const own = this.#callers.get(caller);
    if (own === undefined) return;
    this.#callers.delete(caller);
    this.#callers.set(caller, own);
  }
}
