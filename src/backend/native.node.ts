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

/** Where a library may be: an explicit path, this checkout's build, the platform's package. */
function candidates(): string[] {
  const explicit = process.env.VARPOOL_NATIVE_LIBRARY;
  if (explicit !== undefined) return [explicit];
  const file = `varpool.${EXTENSION[process.platform]}`;
  const platform = `${process.platform}-${process.arch}`;
  const paths = [fileURLToPath(new URL(`${DIST}native/${platform}/${file}`, import.meta.url))];
  try {
    paths.push(require.resolve(`@varpool/native-${platform}/${file}`));
  } catch {
    // The platform's package is not installed; the build beside may be there.
  }
  return paths;
}

let found:
  | { readonly ok: true; readonly choice: NativeChoice }
  | { readonly ok: false; readonly reason: string }
  | null = null;

/** Looks once; the answer does not change while the process lives. */
function find(): NonNullable<typeof found> {
  found ??= look();
  return found;
}

function look(): NonNullable<typeof found> {
  const path = candidates().find((candidate) => existsSync(candidate));
  if (path === undefined) {
    const platform = `${process.platform}-${process.arch}`;
    return {
      ok: false,
      reason: `no library for ${platform} — npm run build:native in a checkout, or install @varpool/native-${platform}`,
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
  const variants = (library.func('varpool_variants', 'str', [])() as string).split(' ');
  const variant = process.env.VARPOOL_NATIVE_VARIANT ?? variants[0];
  if (!variants.includes(variant)) {
    return {
      ok: false,
      reason: `VARPOOL_NATIVE_VARIANT: expected ${variants.join(', ')} on this CPU, got ${variant}`,
    };
  }
  return { ok: true, choice: { path, variant } };
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
  let call = functions.get(symbol);
  if (call === undefined) {
    const [integers, floats] = ARGUMENTS[name];
    const types = [
      'size_t',
      ...Array<string>(integers).fill('uint32_t'),
      ...Array<string>(floats).fill('float'),
    ];
    const result = name === 'adam_f32' || name === 'sgd_f32' ? 'uint32_t' : 'void';
    call = open(choice.path).func(symbol, result, types) as (...args: number[]) => number;
    functions.set(symbol, call);
  }
  return call;
}

export const nativeFactory: BackendFactory = {
  name: 'native',

  available() {
    const state = find();
    return state.ok ? { ok: true } : state;
  },

  async compile(): Promise<NativeChoice> {
    const state = find();
    if (!state.ok) throw new BackendUnavailableError(`native: expected a library, got none: ${state.reason}`);
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

/** The variant that would be called here, for `doctor` and manifests; null where there is no library. */
export function nativeVariant(): string | null {
  const state = find();
  return state.ok ? state.choice.variant : null;
}
