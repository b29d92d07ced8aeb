// How the workers of one training keep in step: a barrier, a cancel flag and a few counters in the arena's control region.
// Only words are exchanged here; what the workers compute between barriers is compute's business.

import { CONTROL } from './protocol.ts';

/** A member was told that another is lost. */
export class TeamAbortedError extends Error {}

/** Iterations of looking before sleeping: some 20 µs, about what going to sleep and being woken costs. */
const SPINS = 4_000;
/** Sleepers look up now and then, in case the one who should wake them has died before the main thread noticed. */
const NAP_MS = 50;

export class Team {
  readonly #spins: number;

  /** @param cores spinning only helps while every member has a core of its own */
  constructor(
    readonly control: Int32Array<SharedArrayBuffer>,
    readonly size: number,
    readonly rank: number,
    cores: number,
  ) {
    this.#spins = size <= cores ? SPINS : 0;
  }

  /** Returns when every member has called it. @throws TeamAbortedError when the main thread gave the team up */
  sync(): void {
    const { control } = this;
    if (this.size === 1) {
      this.#checkAbort();
      return;
    }
    const generation = Atomics.load(control, CONTROL.generation);
    if (Atomics.add(control, CONTROL.arrived, 1) === this.size - 1) {
      Atomics.store(control, CONTROL.arrived, 0);
      Atomics.add(control, CONTROL.generation, 1);
      Atomics.notify(control, CONTROL.generation);
      this.#checkAbort();
      return;
    }
    for (let i = 0; i < this.#spins && Atomics.load(control, CONTROL.generation) === generation; i++);
    while (Atomics.load(control, CONTROL.generation) === generation) {
      this.#checkAbort();
      Atomics.wait(control, CONTROL.generation, generation, NAP_MS);
    }
    this.#checkAbort();
  }

  #checkAbort(): void {
    if (Atomics.load(this.control, CONTROL.abort) !== 0)
      throw new TeamAbortedError('team: a member was lost');
  }

  /** This member's share of n pieces: a run of neighbors, the same for the same (n, size, rank). */
  first(n: number): number {
    return Math.floor((n * this.rank) / this.size);
  }
  last(n: number): number {
    return Math.floor((n * (this.rank + 1)) / this.size);
  }
}
