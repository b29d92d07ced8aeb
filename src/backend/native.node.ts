// The kernels as native code: the same C files in a shared library, called through koffi over the same arena, with the
// bits of the WebAssembly build. Optional: `available` tells what is missing; nativeLibrary.node.ts finds the library.

import { BackendUnavailableError } from '../errors.ts';
import type { Arena } from './arena.ts';
import {
  argumentsOf,
  type Backend,
  type BackendFactory,
  KERNELS,
  type KernelName,
  makeKernels,
} from './backend.ts';
import { findNativeLibrary, type NativeLibrary, openLibrary } from './nativeLibrary.node.ts';
import { koffi } from './optionalPackage.node.ts';

/** How koffi names a kind of argument; all but floats are unsigned. */
const C_TYPES = {
  address: 'uint32_t',
  size: 'uint32_t',
  word: 'uint32_t',
  flag: 'uint32_t',
  start: 'uint32_t',
  step: 'uint32_t',
  cursor: 'uint32_t',
  f32: 'float',
} as const;
const C_RESULTS = { void: 'void', u32: 'uint32_t' } as const;

/** Which library to load and which variant of its kernels to call; crosses to workers. */
interface NativeChoice {
  readonly path: string;
  readonly variant: string;
}

let found: NativeLibrary | null = null;

/** Looks once; the answer does not change while the process lives. */
function find(): NativeLibrary {
  found ??= findNativeLibrary();
  return found;
}

const functions = new Map<string, (...args: number[]) => number>();

/** A foreign function of the library, declared once per thread. */
function foreign(
  choice: NativeChoice,
  name: string,
  result: string,
  types: readonly string[],
): (...args: number[]) => number {
  const symbol = `${name}_${choice.variant}`;
  const key = `${choice.path} ${symbol}`;
  let call = functions.get(key);
  if (call === undefined) {
    call = openLibrary(choice.path).func(symbol, result, ['size_t', ...types]) as typeof call & object;
    functions.set(key, call);
  }
  return call;
}

function kernel(choice: NativeChoice, name: KernelName): (...args: number[]) => number {
  const types = argumentsOf(name).map(({ kind }) => C_TYPES[kind]);
  return foreign(choice, name, C_RESULTS[KERNELS[name].result], types);
}

/** The variant to call: the one asked for, by the caller or the environment, or the widest. */
function choose(
  wanted: string | undefined,
): { ok: true; choice: NativeChoice } | { ok: false; reason: string } {
  const state = find();
  if (!state.ok) return state;
  const variant = wanted ?? (process.env.VARPOOL_NATIVE_VARIANT || state.variants[0]);
  if (state.variants.includes(variant)) return { ok: true, choice: { path: state.path, variant } };
  const next = wanted === undefined ? ' — mend or unset VARPOOL_NATIVE_VARIANT' : '';
  return {
    ok: false,
    reason: `expected a variant of ${state.variants.join(', ')} on this CPU, got ${variant}${next}`,
  };
}

/** The native backend, or with `wanted` one variant of it whatever the CPU likes best. */
export function nativeFactoryOf(wanted?: string): BackendFactory {
  return {
    name: 'native',
    reproducible: true,

    available() {
      const state = choose(wanted);
      return state.ok ? { ok: true } : state;
    },

    async compile(): Promise<NativeChoice> {
      const state = choose(wanted);
      if (!state.ok)
        throw new BackendUnavailableError(`native: expected a library, got none: ${state.reason}`);
      return state.choice;
    },

    create(arena: Arena, compiled: unknown): Backend {
      const choice = compiled as NativeChoice;
      // The memory never grows, so it never moves: its address is as good as the memory for as long as the arena lives.
      const base = Number(koffi().address(arena.u8));
      // Bound to the arena, which `this` is not needed for: an address alone would not keep memory in use from being collected.
      const runCalls = foreign(choice, 'run_calls', 'uint32_t', ['uint32_t', 'uint32_t']).bind(arena, base);
      return { name: 'native', ...makeKernels((name) => kernel(choice, name).bind(arena, base)), runCalls };
    },
  };
}

export const nativeFactory: BackendFactory = nativeFactoryOf();

/** Variants of the library that this CPU can run, widest first; none where there is no library. */
export function nativeVariants(): readonly string[] {
  const state = find();
  return state.ok ? state.variants : [];
}

/** The library found, or why there is none, and the variant that is called unless a caller asks for another. */
export function nativeState(): { readonly library: NativeLibrary; readonly variant: string | null } {
  const state = choose(undefined);
  return { library: find(), variant: state.ok ? state.choice.variant : null };
}
