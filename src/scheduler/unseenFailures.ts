// Failures that nobody looks at. A run may be awaited or read long after it has failed, so it cannot count as unhandled at once, as a
// promise would; it does when nobody can look any more: when the run is collected as garbage, or the process has nothing left to do.

/** How a run failed, if it did, and whether anybody asks. */
export class Failure {
  #error: { readonly reason: unknown } | null = null;
  #seen = false;

  set(reason: unknown): void {
    if (this.#seen) return;
    this.#error = { reason };
    // Until it is asked for, a stack holds on to everything in its frames, and so to the run.
    if (reason instanceof Error) void reason.stack;
    if (unseen.size === 0) process.on('beforeExit', raiseAll);
    unseen.add(this);
  }

  /** Somebody awaits or reads the run: what it throws is theirs. */
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
    if (unseen.delete(this) && unseen.size === 0) process.off('beforeExit', raiseAll);
  }
}

const unseen = new Set<Failure>();

function raiseAll(): void {
  for (const failure of [...unseen]) failure.raise();
}

const collected = new FinalizationRegistry<Failure>((failure) => failure.raise());

/** Has a failure raised when `run` is gone and nobody has asked. */
export function watchFailure(run: object, failure: Failure): void {
  collected.register(run, failure);
}
