// The backends on Node, in every thread: the native kernels, those in WebAssembly, TensorFlow.js and the reference.

import type { BackendFactory } from '../../backend/backend.ts';
import { nativeFactory } from '../../backend/native.node.ts';
import { referenceFactory } from '../../backend/reference/reference.ts';
import { Backends } from '../../backend/registry.ts';
import { tfjsFactoryOf } from '../../backend/tfjs/tfjs.node.ts';
import { createWasmFactory, type WasmModule } from '../../backend/wasm.ts';
import type { KernelFile } from './kernelFile.ts';

/** One of the two modules, whatever the engine; null: the one that suits it. */
export function wasmFactoryOf(wanted: WasmModule | null): BackendFactory {
  return createWasmFactory(
    { read: readModule, engineAdvice: 'use Node 20.19 or later', moduleAdvice: 'run npm run build' },
    wanted,
  );
}

/** Only the main thread reads kernels, so only it loads what reads them. */
async function readModule(choose: () => string): Promise<Uint8Array<ArrayBuffer>> {
  const [{ readKernelFile }, { enableRelaxedSimd }] = await Promise.all([
    import('./kernelFile.ts'),
    import('./relaxedSimd.ts'),
  ]);
  enableRelaxedSimd();
  return readKernelFile(choose() as KernelFile);
}

export const wasmFactory = wasmFactoryOf(null);
export const tfjsFactory = tfjsFactoryOf(wasmFactory);

export const nodeBackends = new Backends(
  [nativeFactory, wasmFactory, tfjsFactory, referenceFactory],
  'run varpool doctor',
);
