// Predictions in a page's own thread, from text that the page holds: no worker, no request, so it works in a file that was opened from a
// disk. Bundled into one script that leaves `varpoolInPage` behind; report.html takes it along.

import './strictPolicy.ts';
import { referenceFactory } from '../backend/reference/reference.ts';
import { Backends } from '../backend/registry.ts';
import { createWasmFactory, wasmModule } from '../backend/wasm.ts';
import { LonePool } from '../platform/browser/lonePool.ts';
import { browserMemory } from '../platform/browser.ts';
import type { Platform } from '../platform/platform.ts';
import type { PredictOptions, RowsLike } from '../runtime/options.ts';
import { Runtime } from '../runtime/runtime.ts';
import { load } from './files.ts';

/** Statistics of rows as plain lists, in the order of `Prediction`. */
export interface PlainPrediction {
  readonly outputs: number;
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  readonly aleatoric: readonly number[];
  readonly epistemic: readonly number[];
  readonly mutualInformation: readonly number[] | null;
  readonly expectedEntropy: readonly number[] | null;
  readonly quantiles: ReadonlyArray<readonly number[]>;
}

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
    async predict(rows, options) {
      const found = await runtime.predict(posterior, rows, options);
      const list = (values: ArrayLike<number> | null) => values && Array.from(values);
      return {
        outputs: found.outputs,
        mean: [...found.mean],
        variance: [...found.variance],
        aleatoric: [...found.aleatoric],
        epistemic: [...found.epistemic],
        mutualInformation: list(found.mutualInformation),
        expectedEntropy: list(found.expectedEntropy),
        quantiles: (found.quantiles ?? []).map(({ values }) => [...values]),
      };
    },
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
  const host: Pick<Platform, 'backends' | 'collectGarbage' | 'noMemoryMessage'> = {
    backends: new Backends(fused ? [wasm, referenceFactory] : [referenceFactory], 'make the report again'),
    collectGarbage: () => undefined,
    noMemoryMessage: () => 'report: expected more memory, got none — close other tabs',
  };
  return {
    ...host,
    sharesMemory: false,
    cores: () => 1,
    availableMemory: browserMemory,
    adviseHugePages: () => undefined,
    warn: (message) => console.warn(message),
    nextTurn: (call) => void setTimeout(call),
    beforeExit: () => () => undefined,
    startPool: () => new LonePool(host),
    startSession: () => {
      throw new Error('session: expected a page with workers, got a report — use varpool/browser');
    },
  };
}

(globalThis as { varpoolInPage?: typeof openInPage }).varpoolInPage = openInPage;
