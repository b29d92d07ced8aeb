// Failures that are never observed. A run may be awaited or read long after it has failed, so it cannot count as unhandled at once, as a
// promise would; it does once it cannot be observed any longer: when the run is collected as garbage, or the process has nothing left to do.

import type { Platform } from '../../platform/platform.ts';

/** How a run failed, if it did, and whether its caller has looked. */
export class Failure {
  #error: { readonly reason: unknown } | null = null;
  #seen = false;
  #forget: () => void = () => undefined;

  constructor(readonly platform: Pick<Platform, 'beforeExit'>) {}

  set(reason: unknown): void {
    if (this.#seen) return;
    this.#error = { reason };
    // Until it is asked for, a stack holds on to everything in its frames, and so to the run.
    if (reason instanceof Error) void reason.stack;
    this.#forget = this.platform.beforeExit(() => this.raise());
  }

  /** The caller awaits or reads the run, and so handles what it throws. */
  see(): void {
    this.#seen = true;
    this.#drop();
  }

  /** Makes it an unhandled rejection, once. */
  raise(): void {
    if (this.#error === null || this.#seen) return;
    const { reason } = this.#error;
    this.see();
    void Promise.reject(reason);
  }

  #drop(): void {
    this.#error = null;
    this.#forget();
  }
}

const collected = new FinalizationRegistry<Failure>((failure) => failure.raise());

/** Has a failure raised when `run` is gone and its failure was never observed. */
export function watchFailure(run: object, failure: Failure): void {
  collected.register(run, failure);
}
