// The calls that start threads, on Node: what src/index.ts exports of them, and what bench and cli use.

import { nodePlatform } from './platform/node.ts';
import type { RuntimeOptions } from './runtime/options.ts';
import { Runtime } from './runtime/runtime.ts';
import {
  openSession as openSessionOn,
  type Session,
  type SessionOptions,
  type SessionPosteriors,
} from './runtime/session.ts';

export type { Runtime, RuntimeOptions, SessionOptions };

/**
 * Starts a runtime.
 * @throws BackendUnavailableError when the backend cannot run here; RangeError or TypeError for a bad option
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  return new Runtime(nodePlatform, options);
}

/**
 * Starts a thread that answers from a copy of `posteriors`, one or several by name, until it is closed. It keeps the process alive only while it works.
 * @throws BackendUnavailableError when the backend cannot run here; RangeError for a bad option or when memory is short
 */
export function openSession(posteriors: SessionPosteriors, options: SessionOptions = {}): Promise<Session> {
  return openSessionOn(nodePlatform, posteriors, options);
}
