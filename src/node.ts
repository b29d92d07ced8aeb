// The calls that start threads, on Node: what src/index.ts exports of them, and what bench and cli use.

import type { AnyPosterior } from './core/posterior.ts';
import { nodePlatform } from './platform/node.ts';
import type { RuntimeOptions } from './runtime/options.ts';
import { Runtime } from './runtime/runtime.ts';
import { openSession as openSessionOn, type Session, type SessionOptions } from './runtime/session.ts';

export type { Runtime, RuntimeOptions, SessionOptions };

/**
 * Starts a runtime.
 * @throws BackendUnavailableError when the backend cannot run here; RangeError or TypeError for a bad option
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  return new Runtime(nodePlatform, options);
}

/**
 * Starts a thread that answers from a copy of `posterior` until it is closed. It keeps the process alive only while it works.
 * @throws BackendUnavailableError when the backend cannot run here; RangeError for a bad option or when memory is short
 */
export function openSession(posterior: AnyPosterior, options: SessionOptions = {}): Promise<Session> {
  return openSessionOn(nodePlatform, posterior, options);
}
