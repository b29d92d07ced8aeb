// Predictions in a page's own thread, from text that the page holds: no worker, no request, so it works in a file that was opened from a
// disk. Bundled into one script that leaves `varpoolInPage` behind; report.html takes it along.

import './strictPolicy.ts';
import { referenceFactory } from '../backend/reference/reference.ts';
import { Backends } from '../backend/registry.ts';
import { createWasmFactory, wasmModule } from '../backend/wasm.ts';
import { type PlainPrediction, plainPrediction } from '../core/predictive/plainPrediction.ts';
import { lonePlatform } from '../platform/browser/lonePlatform.ts';
import type { Platform } from '../platform/platform.ts';
import type { PredictOptions, RowsLike } from '../runtime/options.ts';
import { Runtime } from '../runtime/runtime.ts';
import { load } from './files.ts';

export interface InPage {
  predict(rows: RowsLike, options: Pick<PredictOptions, 'draws' | 'quantiles'>): Promise<PlainPrediction>;
}

/**
 * @param packed a posterior's file, and the kernels for engines that fuse, both gzip in base64
 * @throws CheckpointError for what is no posterior; BackendUnavailableError where WebAssembly is forbidden
 */
export async function openInPage(packed: {
  readonly posterior: string;
  readonly kernels: string;
}): Promise<InPage> {
  const posterior = load(await unpacked(packed.posterior));
  const runtime = new Runtime(inPagePlatform(packed.kernels), { workers: 1 });
  return {
    predict: async (rows, options) => plainPrediction(await runtime.predict(posterior, rows, options)),
  };
}

async function unpacked(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Kernels for engines whose multiply-add is not fused are left out: there the reference answers, slower, with the same bits. */
function inPagePlatform(kernels: string): Platform {
  const wasm = createWasmFactory({
    read: () => unpacked(kernels),
    engineAdvice: 'open the file in a browser of 2023 or later',
    moduleAdvice: 'make the report again',
  });
  const fused = typeof WebAssembly !== 'undefined' && wasmModule() === 'fused';
  const host = {
    backends: new Backends(fused ? [wasm, referenceFactory] : [referenceFactory], 'make the report again'),
    collectGarbage: () => undefined,
    noMemoryMessage: () => 'report: expected more memory, got none — close other tabs',
  };
  return lonePlatform(host, {
    warn: (message) => console.warn(message),
    startSession: () => {
      throw new Error('session: expected a page with workers, got a report — use varpool/browser');
    },
  });
}

(globalThis as { varpoolInPage?: typeof openInPage }).varpoolInPage = openInPage;
