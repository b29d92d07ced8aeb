// The backends of a platform, by name, and which one `auto` picks. Which there are is the platform's to say: nothing here
// imports one.

import { BackendUnavailableError } from '../errors.ts';
import type { BackendFactory } from './backend.ts';

/** What `auto` tries, fastest first: reproducible ones only, so that the choice cannot be seen in a result. */
const AUTO: readonly string[] = ['native', 'wasm'];

export class Backends {
  readonly names: readonly string[];

  /** @param advice what helps on this host where none can run */
  constructor(
    readonly factories: readonly BackendFactory[],
    readonly advice: string,
  ) {
    this.names = factories.map((factory) => factory.name);
  }

  /** @throws BackendUnavailableError for a name that is none */
  named(name: string): BackendFactory {
    const found = this.factories.find((factory) => factory.name === name);
    if (found === undefined) {
      throw new BackendUnavailableError(
        `backend: expected auto or one of ${this.names.join(', ')}, got ${name === '' ? 'an empty string' : name} — pick one of these`,
      );
    }
    return found;
  }

  /**
   * The factory for a name or for `auto`.
   * @throws BackendUnavailableError listing every backend tried and why it cannot run here
   */
  pick(name: string): BackendFactory {
    const reasons: string[] = [];
    for (const candidate of name === 'auto' ? AUTO.filter((each) => this.names.includes(each)) : [name]) {
      const factory = this.named(candidate);
      const state = factory.available();
      if (state.ok) return factory;
      reasons.push(`${candidate}: ${state.reason}`);
    }
    throw new BackendUnavailableError(
      `backend: expected ${name} to be available, got ${reasons.join('; ')} — ${this.advice}`,
    );
  }

  /** Makes a backend ready for `create` in this thread; undefined where there is nothing to wait for. */
  load(name: string, compiled: unknown): Promise<void> | undefined {
    return this.named(name).load?.(compiled);
  }
}
