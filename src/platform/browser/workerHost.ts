// The host of a thread's work in a browser. Kernels arrive compiled with each job, so a worker needs no way to read them.

import type { BackendFactory } from '../../backend/backend.ts';
import { referenceFactory } from '../../backend/reference/reference.ts';
import { Backends } from '../../backend/registry.ts';
import { createWasmFactory, type ReadModule } from '../../backend/wasm.ts';
import type { WorkerHost } from '../../workers/host.ts';

const READ_MORE = 'see docs/browser.md of varpool';

/** @param read bytes of a kernel module */
export function browserHost(read: ReadModule): WorkerHost {
  const wasm = createWasmFactory({
    read,
    engineAdvice: 'use a browser of 2023 or later',
    moduleAdvice:
      "allow 'wasm-unsafe-eval' in script-src of the page's Content-Security-Policy, and check what wasmUrl names",
  });
  return {
    backends: new Backends([compiledOnce(wasm), referenceFactory], READ_MORE),
    // A page cannot ask for it. Arenas are lent again and again, so few are ever released.
    collectGarbage: () => undefined,
    noMemoryMessage,
  };
}

/** All runtimes of a page share the kernels; a failure is tried again. */
function compiledOnce(factory: BackendFactory): BackendFactory {
  let compiled: Promise<unknown> | null = null;
  return {
    ...factory,
    compile() {
      compiled ??= factory.compile().catch((error: unknown) => {
        compiled = null;
        throw error;
      });
      return compiled;
    },
  };
}

export const browserWorkerHost: WorkerHost = browserHost(() =>
  Promise.reject(
    new Error('worker: expected compiled kernels with the job, got none — report this as a bug'),
  ),
);

function noMemoryMessage(bytes: number): string {
  return `arena: expected ${Math.ceil(bytes / 1_048_576)} MiB of memory, got none — close other tabs or use fewer rows, draws or weights`;
}
