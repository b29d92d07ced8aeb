// The backend that multiplies matrices through an installed TensorFlow.js; every other kernel is that of WebAssembly. Its sums
// are made as that library likes, so it is not reproducible and `auto` never picks it.

import { Worker } from 'node:worker_threads';
import { BackendUnavailableError } from '../../errors.ts';
import type { Arena } from '../arena.ts';
import type { Backend, BackendFactory, Kernels } from '../backend.ts';
import { type Tfjs, tfjsGemm } from './tfjsGemm.ts';
import { describeTfjs, findTfjs, loadTfjs, quietOneThread, type TfjsChoice } from './tfjsPackage.node.ts';

interface Compiled {
  readonly wasm: unknown;
  readonly tfjs: TfjsChoice;
}

/** What this thread has loaded, by folder. */
const loaded = new Map<string, Tfjs>();
/** Packages found to work, by folder. */
const proven = new Set<string>();

/** @param wasm the backend whose other kernels it uses */
export function tfjsFactoryOf(wasm: BackendFactory): BackendFactory {
  return {
    name: 'tfjs',
    reproducible: false,

    available() {
      const state = wasm.available();
      if (!state.ok) return state;
      const found = findTfjs();
      return found.ok ? { ok: true, note: describeTfjs(found.choice) } : found;
    },

    /** @throws BackendUnavailableError when there is no TensorFlow.js, or it does not run in a thread */
    async compile(): Promise<Compiled> {
      const found = findTfjs();
      if (!found.ok)
        throw new BackendUnavailableError(`tfjs: expected TensorFlow.js, got none: ${found.reason}`);
      quietOneThread();
      const { choice } = found;
      if (!proven.has(choice.folder)) await probe(choice);
      proven.add(choice.folder);
      return { wasm: await wasm.compile(), tfjs: choice };
    },

    load(compiled: unknown): Promise<void> | undefined {
      const { tfjs } = compiled as Compiled;
      if (loaded.has(tfjs.folder)) return undefined;
      return loadTfjs(tfjs).then((tf) => void loaded.set(tfjs.folder, tf));
    },

    create(arena: Arena, compiled: unknown, thread: number): Backend {
      const { wasm: module, tfjs } = compiled as Compiled;
      const tf = loaded.get(tfjs.folder);
      const gemm = tf === undefined ? notLoaded : tfjsGemm(tf, arena);
      return { ...wasm.create(arena, module, thread), name: 'tfjs', gemm_f32: gemm };
    },
  };
}

/** The TensorFlow.js this thread has loaded for what compile() gave. */
export function tfjsOf(compiled: unknown): Tfjs | undefined {
  return loaded.get((compiled as Compiled).tfjs.folder);
}

/** Threads that multiply nothing, such as the one that hands out the work, need not load TensorFlow.js. */
const notLoaded: Kernels['gemm_f32'] = () => {
  throw new Error('tfjs: expected TensorFlow.js in this thread, got none — await load(compiled) first');
};

/** Threads run the build. Not a literal URL: TensorFlow.js is found where it is installed, not in a bundle. */
function probeEntry(here: string): URL {
  const file = here.endsWith('.ts') ? '../../../dist/backend/tfjs/tfjsProbe.node.js' : './tfjsProbe.node.js';
  return new URL(file, here);
}

/** Tries a package in a thread of its own, because loading it changes the thread it is loaded into. */
function probe(choice: TfjsChoice): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0].trim();
      const text = `tfjs: expected ${describeTfjs(choice)} to run in a worker thread, got ${reason}`;
      reject(
        new BackendUnavailableError(`${text} — install it again, or name another by VARPOOL_TFJS`, { cause }),
      );
    };
    const worker = new Worker(probeEntry(import.meta.url), { workerData: choice, execArgv: [] });
    worker.once('error', fail);
    worker.once('exit', (code) => (code === 0 ? resolve() : fail(`exit code ${code}`)));
  });
}
