// Who gets how many of the pool's workers when several trainings run at the same time. Bits depend on none of it.

/** One training's claim. */
export interface Place {
  /** Workers it should use for its next stretch; changes as others come and go. */
  share(): number;
  leave(): void;
}

/** A team that waits for its workers. */
interface Waiting {
  readonly count: number;
  readonly start: () => void;
}

export class Seats {
  /** What each training under way is worth at most, in workers. */
  readonly #places = new Map<Place, number>();
  #free: number;
  readonly #waiting: Waiting[] = [];

  constructor(readonly workers: number) {
    this.#free = workers;
  }

  /** Counts a training in. @param worth how many workers it can make use of */
  join(worth: number): Place {
    const place: Place = {
      share: () => this.#share(place),
      leave: () => void this.#places.delete(place),
    };
    this.#places.set(place, worth);
    return place;
  }

  /** Even parts of the workers, and what some cannot use goes to the others: no team waits for a worker while another idles. */
  #share(mine: Place): number {
    let left = this.workers;
    let others = this.#places.size;
    const rising = [...this.#places].sort(([, a], [, b]) => a - b);
    for (const [place, worth] of rising) {
      const share = Math.max(1, Math.min(worth, Math.floor(left / others)));
      if (place === mine) return share;
      left = Math.max(0, left - share);
      others--;
    }
    return 1;
  }

  /**
   * Runs a team of `count`, in the order of the calls, once that many workers are in no other team. Workers of a team wait for each
   * other, so two half-started teams would wait forever; and the order gives every training its turn, which the pool's queue does not.
   */
  async hold<T>(count: number, work: () => Promise<T>): Promise<T> {
    await new Promise<void>((start) => {
      this.#waiting.push({ count, start });
      this.#next();
    });
    try {
      return await work();
    } finally {
      this.#free += count;
      this.#next();
    }
  }

  #next(): void {
    while (this.#waiting.length > 0 && this.#waiting[0].count <= this.#free) {
      const { count, start } = this.#waiting.shift() as Waiting;
      this.#free -= count;
      start();
    }
  }
}
