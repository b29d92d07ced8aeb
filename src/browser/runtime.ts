// The calls that start workers, in a browser: a pool over one shared memory where the page is isolated from other origins, else one
// worker with a memory of its own and a warning that says how to have more.

import { type BrowserParts, createBrowserPlatform } from '../platform/browser.ts';
import type { Platform } from '../platform/platform.ts';
import type { RuntimeOptions } from '../runtime/options.ts';
import { Runtime } from '../runtime/runtime.ts';
import {
  openSession as openSessionOn,
  type Session,
  type SessionOptions,
  type SessionPosteriors,
} from '../runtime/session.ts';
import { type PartUrls, partsAt } from './parts.ts';
import { RemoteRuntime } from './remoteRuntime.ts';

export interface BrowserRuntimeOptions extends RuntimeOptions, PartUrls {}
export interface BrowserSessionOptions extends SessionOptions, PartUrls {}

/**
 * Starts a runtime.
 * @throws BackendUnavailableError when the browser cannot run the kernels; RangeError or TypeError for a bad option
 */
export function createRuntime(options: BrowserRuntimeOptions = {}): Runtime {
  const { rest, host } = apart('createRuntime', options);
  const { platform, parts } = host;
  if (platform.sharesMemory) return new Runtime(platform, rest);
  const runtime = new RemoteRuntime(platform, parts.startWorker, rest);
  if (rest.workers !== 1) warnOfIsolation(rest.onWarning);
  return runtime;
}

/**
 * Starts a worker that answers from a copy of `posteriors`, one or several by name, until it is closed.
 * @throws BackendUnavailableError when the browser cannot run the kernels; RangeError for a bad option or when memory is short
 */
export function openSession(
  posteriors: SessionPosteriors,
  options: BrowserSessionOptions = {},
): Promise<Session> {
  const { rest, host } = apart('openSession', options);
  return openSessionOn(host.platform, posteriors, rest);
}

let warned = false;

function warnOfIsolation(onWarning: ((message: string) => void) | undefined): void {
  const message =
    'createRuntime: expected a page that is isolated from other origins, got one that is not: one worker instead of one a core — serve the page ' +
    'with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';
  if (onWarning !== undefined) onWarning(message);
  else if (!warned) console.warn(message);
  warned = true;
}

interface Host {
  readonly platform: Platform;
  readonly parts: BrowserParts;
}

/** One platform for each place of the parts: all of its runtimes share arenas. */
const hosts = new Map<string, Host>();

/** The options that are a browser's own, made into its platform, and the rest. */
function apart<Options extends PartUrls>(where: string, options: Options) {
  if (typeof options !== 'object' || options === null) return { rest: options, host: hostAt({}) };
  const { workerUrl, wasmUrl, ...rest } = options;
  checkUrl(`${where}: workerUrl`, workerUrl);
  const both = typeof wasmUrl === 'object' && wasmUrl !== null && !(wasmUrl instanceof URL);
  for (const part of both ? [wasmUrl.fused, wasmUrl.emulated] : [wasmUrl])
    checkUrl(`${where}: wasmUrl`, part, both);
  const urls: PartUrls = {
    ...(workerUrl === undefined ? {} : { workerUrl }),
    ...(wasmUrl === undefined ? {} : { wasmUrl }),
  };
  return { rest, host: hostAt(urls) };
}

function hostAt(urls: PartUrls): Host {
  const key = JSON.stringify([urls.workerUrl, urls.wasmUrl]);
  const parts = partsAt(urls);
  const host = hosts.get(key) ?? { platform: createBrowserPlatform(parts), parts };
  hosts.set(key, host);
  return host;
}

function checkUrl(where: string, url: unknown, needed = false): void {
  if ((url === undefined && !needed) || url instanceof URL || (typeof url === 'string' && url !== '')) return;
  throw new TypeError(`${where}: expected a URL, got ${typeof url} — pass a string or a URL`);
}
