// Where a page finds the worker and the kernels: beside this code, in words that bundlers look for, or where the caller says.

import { BackendUnavailableError } from '../errors.ts';
import { type WebWorker, web } from '../platform/browser/web.ts';
import type { BrowserParts } from '../platform/browser.ts';

/** The global of a page, whose type comes only with the DOM library. */
declare const Worker: new (url: URL | string, options: { readonly type: 'module' }) => WebWorker;

export interface PartUrls {
  /** Of varpool's worker, `dist/browser/worker.js` in the package; from the page's own origin. */
  readonly workerUrl?: string | URL;
  /**
   * Of the kernels, `dist/kernels/varpool.wasm` in the package. `varpool-emulated.wasm`, for browsers without a fused multiply-add, is
   * looked for beside it; where the two are not side by side, name both.
   */
  readonly wasmUrl?: string | URL | { readonly fused: string | URL; readonly emulated: string | URL };
}

/** Vite and webpack find files by exactly these expressions, written out. */
const BESIDE: Readonly<Record<string, () => URL>> = {
  'varpool.wasm': () => new URL('../kernels/varpool.wasm', import.meta.url),
  'varpool-emulated.wasm': () => new URL('../kernels/varpool-emulated.wasm', import.meta.url),
};

function startWorker(url: string | URL | undefined): WebWorker {
  return url === undefined
    ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    : new Worker(url, { type: 'module' });
}

export function partsAt({ workerUrl, wasmUrl }: PartUrls): BrowserParts {
  return {
    startWorker: (entry) => startWorker(entry ?? workerUrl),
    readKernels: (choose) => fetchKernels(kernelUrl(choose(), wasmUrl)),
  };
}

function kernelUrl(name: string, given: PartUrls['wasmUrl']): string | URL {
  if (given === undefined) return BESIDE[name]();
  if (typeof given === 'object' && !(given instanceof URL))
    return name === 'varpool.wasm' ? given.fused : given.emulated;
  return name === 'varpool.wasm' ? given : new URL(name, new URL(given, web.location?.href));
}

async function fetchKernels(url: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const problem = (got: string, cause?: unknown) =>
    new BackendUnavailableError(
      `kernels: expected ${url} to load, got ${got} — serve dist/kernels of varpool there, or pass wasmUrl`,
      { cause },
    );
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw problem(`an error (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
  if (!response.ok) throw problem(`status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
