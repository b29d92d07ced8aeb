// The backends there are, by name, and which one `auto` picks.

import { BackendUnavailableError } from '../errors.ts';
import type { BackendFactory } from './backend.ts';
import { nativeFactory } from './native.node.ts';
import { referenceFactory } from './reference.ts';
import { tfjsFactory } from './tfjs.node.ts';
import { wasmFactory } from './wasm.ts';

const FACTORIES: readonly BackendFactory[] = [nativeFactory, wasmFactory, tfjsFactory, referenceFactory];

/** What `auto` tries, fastest first: reproducible ones only, so that the choice cannot be seen in a result. */
const AUTO = ['native', 'wasm'] as const;

export const BACKEND_NAMES: readonly string[] = FACTORIES.map((factory) => factory.name);

/** @throws BackendUnavailableError for a name that is none */
export function backendFactory(name: string): BackendFactory {
  const found = FACTORIES.find((factory) => factory.name === name);
  if (found === undefined) {
    throw new BackendUnavailableError(
      `backend: expected auto or one of ${BACKEND_NAMES.join(', ')}, got ${name} — pick one of these`,
    );
  }
  return found;
}

/**
 * The factory for a name or for `auto`.
 * @throws BackendUnavailableError listing every backend tried and why it cannot run here
 */
export function pickBackend(name: string): BackendFactory {
  const reasons: string[] = [];
  for (const candidate of name === 'auto' ? AUTO : [name]) {
    const factory = backendFactory(candidate);
    const state = factory.available();
    if (state.ok) return factory;
    reasons.push(`${candidate}: ${state.reason}`);
  }
  throw new BackendUnavailableError(
    `backend: expected ${name} to be available, got ${reasons.join('; ')} — run varpool doctor`,
  );
}

/** Makes a backend ready for `create` in this thread; undefined where there is nothing to wait for. */
export function loadBackend(name: string, compiled: unknown): Promise<void> | undefined {
  return backendFactory(name).load?.(compiled);
}
