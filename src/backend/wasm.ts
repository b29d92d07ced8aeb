// The kernels as WebAssembly SIMD over the arena's shared memory: one compiled module, one instance a thread.
// Reading the file is the platform's part; what each kernel means is kernels.ts. There are two modules of the same bits:
// one for engines whose relaxed multiply-add is fused, one that works it out in double and is slow.

import { BackendUnavailableError } from '../errors.ts';
import { type Arena, STACK_BYTES } from './arena.ts';
import { type Backend, type BackendFactory, makeKernels } from './backend.ts';

// (module (import "e" "m" (memory 1 1 shared)) (func (result v128) i32.const 0 i8x16.splat))
// biome-ignore format: bytes by section
const PROBE = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b,
  0x02, 0x09, 0x01, 0x01, 0x65, 0x01, 0x6d, 0x02, 0x03, 0x01, 0x01,
  0x03, 0x02, 0x01, 0x00,
  0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x0b,
]);

// (module (func (export "f") (param f32 f32 f32) (result f32) …f32x4.relaxed_madd of the three, lane 0…))
// biome-ignore format: bytes by section
const MADD = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x08, 0x01, 0x60, 0x03, 0x7d, 0x7d, 0x7d, 0x01, 0x7d,
  0x03, 0x02, 0x01, 0x00,
  0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00,
  0x0a, 0x16, 0x01, 0x14, 0x00,
  0x20, 0x00, 0xfd, 0x13, 0x20, 0x01, 0xfd, 0x13, 0x20, 0x02, 0xfd, 0x13, 0xfd, 0x85, 0x02, 0xfd, 0x1f, 0x00, 0x0b,
]);

// (module)
const EMPTY = new Uint8Array([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

/** The two modules in dist/kernels: with the engine's multiply-add, or with an emulated one. */
export type WasmModule = 'fused' | 'emulated';
const FILES: Record<WasmModule, string> = { fused: 'varpool.wasm', emulated: 'varpool-emulated.wasm' };

/**
 * Which module this engine and CPU want: relaxed SIMD leaves it to them whether a multiply-add is fused, so it is tried
 * on numbers whose product must not be rounded: (1 + 2^-12)² − 1.
 */
export function wasmModule(): WasmModule {
  if (!WebAssembly.validate(MADD)) return 'emulated';
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MADD));
  const near = 1 + 2 ** -12;
  return (exports.f as (a: number, b: number, c: number) => number)(near, near, -1) === 2 ** -11 + 2 ** -24
    ? 'fused'
    : 'emulated';
}

/**
 * First address of the kernels' stack of a thread; page 0 is unused, and stacks grow down from their end.
 */
function stackTop(thread: number): number {
  return 65_536 + (thread + 1) * STACK_BYTES;
}

/**
 * Bytes of a file of dist/kernels, as the platform reads it. What it has to switch on in the engine first it does before it asks for
 * the file's name, which depends on that.
 */
export type ReadModule = (choose: () => string) => Promise<Uint8Array<ArrayBuffer>>;

/** Where the modules come from on a host, and what helps there when one cannot be used. */
export interface KernelSource {
  readonly read: ReadModule;
  /** What to do where the engine lacks SIMD or shared memory. */
  readonly engineAdvice: string;
  /** What to do where the bytes do not compile. */
  readonly moduleAdvice: string;
}

/** @param wanted one of the two modules, whatever the engine; null: the one that suits it */
export function createWasmFactory(source: KernelSource, wanted: WasmModule | null = null): BackendFactory {
  return {
    name: 'wasm',
    reproducible: true,
    available: () => available(source),
    compile: () => compile(source, wanted),
    create,
  };
}

function available({ engineAdvice }: KernelSource): ReturnType<BackendFactory['available']> {
  if (typeof WebAssembly === 'undefined') return { ok: false, reason: 'this runtime has no WebAssembly' };
  if (!WebAssembly.validate(PROBE)) {
    return { ok: false, reason: `its WebAssembly has no SIMD or no shared memory — ${engineAdvice}` };
  }
  return { ok: true };
}

async function compile(source: KernelSource, wanted: WasmModule | null): Promise<WebAssembly.Module> {
  try {
    const module = await WebAssembly.compile(await source.read(() => FILES[wanted ?? wasmModule()]));
    // WebKit compiles what a page's policy forbids, and refuses to make an instance of it.
    new WebAssembly.Instance(new WebAssembly.Module(EMPTY));
    return module;
  } catch (cause) {
    if (cause instanceof BackendUnavailableError) throw cause;
    throw new BackendUnavailableError(
      `wasm: expected a WebAssembly module, got bytes that do not compile — ${source.moduleAdvice}`,
      { cause },
    );
  }
}

/**
 * @throws RangeError when the arena was laid out for fewer threads, TypeError when `compiled` is not from
 * compile()
 */
function create(arena: Arena, compiled: unknown, thread: number): Backend {
  if (!Number.isInteger(thread) || thread < 0 || thread >= arena.threads) {
    throw new RangeError(
      `wasm: expected a thread from 0 to ${arena.threads - 1}, got ${thread} — lay the arena out for more threads`,
    );
  }
  if (!(compiled instanceof WebAssembly.Module)) {
    throw new TypeError(
      `wasm: expected a WebAssembly.Module, got ${typeof compiled} — pass what compile() gave`,
    );
  }
  const { exports } = new WebAssembly.Instance(compiled, {
    env: { memory: arena.memory as WebAssembly.Memory },
  });
  (exports.__stack_pointer as WebAssembly.Global).value = stackTop(thread);
  // The exports themselves, with no wrapper: a call costs what a WebAssembly call costs.
  const runCalls = exports.run_calls as NonNullable<Backend['runCalls']>;
  return { name: 'wasm', ...makeKernels((name) => exports[name]), runCalls };
}
