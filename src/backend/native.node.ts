// The kernels as native code: the same C files in a shared library, called through koffi over the same arena. Optional:
// `available` tells what is missing. Bits equal those of the WebAssembly build; a library of other sources is refused.

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { BackendUnavailableError } from '../errors.ts';
import type { Arena } from './arena.ts';
import { type Backend, type BackendFactory, KERNEL_NAMES, type Kernels } from './backend.ts';

const require = createRequire(import.meta.url);
const EXTENSION: Partial<Record<NodeJS.Platform, string>> = { linux: 'so', darwin: 'dylib', win32: 'dll' };
const DIST = import.meta.url.endsWith('.ts') ? '../../dist/' : '../';

/** Arguments of each kernel after the base: how many uint32, then how many float. */
const ARGUMENTS: { readonly [K in keyof Kernels]: readonly [uint32: number, float: number] } = {
  normal_f32: [8, 0],
  perturb_f32: [11, 0],
  gemm_f32: [12, 0],
  transpose_f32: [6, 0],
  gather_f32: [6, 0],
  activate_f32: [5, 0],
  multiply_f32: [4, 0],
  sumrows_f32: [4, 0],
  accumulate_f32: [6, 0],
  adam_f32: [12, 0],
  sgd_f32: [10, 0],
  kl_f32: [5, 2],
  sum_f32: [3, 0],
  categorical_f32: [7, 1],
  bernoulli_f32: [7, 1],
  gaussian_f32: [10, 1],
  softmax_f32: [6, 0],
  sigmoid_f32: [4, 0],
  moments_f32: [5, 0],
};

type Koffi = typeof import('koffi');
type Library = ReturnType<Koffi['load']>;

/** Which library to load and which variant of its kernels to call; crosses to workers. */
interface NativeChoice {
  readonly path: string;
  readonly variant: string;
}

/** A library that may be called here, with the variants this CPU can run, widest first. */
type Found =
  | { readonly ok: true; readonly path: string; readonly variants: readonly string[] }
  | { readonly ok: false; readonly reason: string };

/** Where the library is: an explicit path, else this checkout's build. */
function libraryPath(): string {
  const file = `native/${process.platform}-${process.arch}/varpool.${EXTENSION[process.platform]}`;
  return process.env.VARPOOL_NATIVE_LIBRARY ?? fileURLToPath(new URL(DIST + file, import.meta.url));
}

let found: Found | null = null;

/** Looks once; the answer does not change while the process lives. */
function find(): Found {
  found ??= look();
  return found;
}

function look(): Found {
  const path = libraryPath();
  if (!existsSync(path)) {
    return {
      ok: false,
      reason: `no library at ${path} — in a checkout with a C compiler, npm run build:native makes it`,
    };
  }
  let library: Library;
  try {
    library = open(path);
  } catch (error) {
    const { message } = error as Error;
    const missing = /Cannot find (module|package) 'koffi'/.test(message);
    return {
      ok: false,
      reason: missing
        ? 'the optional package koffi is not installed — npm install koffi'
        : `${path}: ${oneLine(message)}`,
    };
  }
  const sources = library.func('varpool_sources', 'str', [])() as string;
  if (sources !== kernelSources()) {
    return {
      ok: false,
      reason: `${path} was built from other kernel sources — run npm run build:native again`,
    };
  }
  return { ok: true, path, variants: (library.func('varpool_variants', 'str', [])() as string).split(' ') };
}

const libraries = new Map<string, Library>();

function open(path: string): Library {
  let library = libraries.get(path);
  if (library === undefined) {
    library = (require('koffi') as Koffi).load(path);
    libraries.set(path, library);
  }
  return library;
}

function kernelSources(): string {
  const file = fileURLToPath(new URL(`${DIST}kernels/build.json`, import.meta.url));
  return (JSON.parse(readFileSync(file, 'utf8')) as { sources: string }).sources;
}

function oneLine(text: string): string {
  return text.split('\n')[0];
}

const functions = new Map<string, (...args: number[]) => number>();

/** The foreign function of a kernel, declared once per thread. */
function kernel(choice: NativeChoice, name: keyof Kernels): (...args: number[]) => number {
  const symbol = `${name}_${choice.variant}`;
  const key = `${choice.path} ${symbol}`;
  let call = functions.get(key);
  if (call === undefined) {
    const [integers, floats] = ARGUMENTS[name];
    const types = [
      'size_t',
      ...Array<string>(integers).fill('uint32_t'),
      ...Array<string>(floats).fill('float'),
    ];
    const result = name === 'adam_f32' || name === 'sgd_f32' ? 'uint32_t' : 'void';
    call = open(choice.path).func(symbol, result, types) as (...args: number[]) => number;
    functions.set(key, call);
  }
  return call;
}

/** The variant to call: the one asked for, by the caller or the environment, or the widest. */
function choose(
  wanted: string | undefined,
): { ok: true; choice: NativeChoice } | { ok: false; reason: string } {
  const state = find();
  if (!state.ok) return state;
  const variant = wanted ?? process.env.VARPOOL_NATIVE_VARIANT ?? state.variants[0];
  if (state.variants.includes(variant)) return { ok: true, choice: { path: state.path, variant } };
  return {
    ok: false,
    reason: `expected a variant of ${state.variants.join(', ')} on this CPU, got ${variant}`,
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
      const base = Number((require('koffi') as Koffi).address(arena.u8));
      const kernels = Object.fromEntries(
        KERNEL_NAMES.map((name) => [name, kernel(choice, name).bind(null, base)]),
      );
      return { name: 'native', ...(kernels as unknown as Kernels) };
    },
  };
}

export const nativeFactory: BackendFactory = nativeFactoryOf();

/** Variants of the library that this CPU can run, widest first; none where there is no library. */
export function nativeVariants(): readonly string[] {
  const state = find();
  return state.ok ? state.variants : [];
}
