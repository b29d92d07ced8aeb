// Finds the library of native kernels: the path a user names, else the package of this platform, else a checkout's own
// build. A library of another version or of other sources is refused; every refusal says what was found and what to do.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KOFFI, type Koffi, koffi, requireFrom } from './optionalPackage.node.ts';

/** The root of the package or checkout, seen from src/backend and from dist/backend alike. No URL, in which bundlers would see a file. */
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

const EXTENSION: Partial<Record<NodeJS.Platform, string>> = { linux: 'so', darwin: 'dylib', win32: 'dll' };

/** The machines a package is made for (kernels/toolchain.mjs makes them). */
export const PACKAGED: readonly string[] = [
  'linux-x64',
  'linux-arm64',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64',
];

export type Library = ReturnType<Koffi['load']>;

/** Where a library came from: VARPOOL_NATIVE_LIBRARY, an installed package, or the build of a checkout. */
export type NativeOrigin = 'environment' | 'package' | 'checkout';

/**
 * A library that may be called here, with the variants this CPU can run, widest first, and why places that come before
 * it were passed over; or why there is none.
 */
export type NativeLibrary =
  | {
      readonly ok: true;
      readonly path: string;
      readonly origin: NativeOrigin;
      readonly variants: readonly string[];
      readonly passedOver: readonly string[];
    }
  | { readonly ok: false; readonly reason: string };

/** What the search depends on; tests give their own. */
export interface SearchPlaces {
  /** VARPOOL_NATIVE_LIBRARY; empty is the same as none. */
  readonly named: string | undefined;
  /** `linux-x64` and the like. */
  readonly machine: string;
  /** The folder of the installed package or of the checkout. */
  readonly root: string;
  /** Where packages are looked up from, as `createRequire` takes it. */
  readonly from: string;
}

type Candidate = { readonly path: string; readonly origin: NativeOrigin } | { readonly refused: string };

/** Name of the package for a machine. */
export function nativePackage(machine: string): string {
  return `@varpool/native-${machine}`;
}

export function hereAndNow(): SearchPlaces {
  return {
    named: process.env.VARPOOL_NATIVE_LIBRARY || undefined,
    machine: `${process.platform}-${process.arch}`,
    root: ROOT,
    from: import.meta.url,
  };
}

/** Looks in every place, in order, and takes the first library that may be called. */
export function findNativeLibrary(places: SearchPlaces = hereAndNow()): NativeLibrary {
  const passedOver: string[] = [];
  for (const candidate of candidates(places)) {
    const tried = 'refused' in candidate ? candidate.refused : tryLibrary(candidate.path, places);
    if (typeof tried === 'string') passedOver.push(tried);
    else return { ok: true, ...(candidate as { path: string; origin: NativeOrigin }), ...tried, passedOver };
  }
  return { ok: false, reason: passedOver.join('; ') };
}

function* candidates(places: SearchPlaces): Generator<Candidate> {
  const { named, machine, root } = places;
  if (named !== undefined) {
    // A wish: where it fails, another library in its place would only hide that.
    const path = resolve(named);
    yield existsSync(path)
      ? { path, origin: 'environment' }
      : {
          refused: `VARPOOL_NATIVE_LIBRARY: expected a file, got none at ${path} — mend the path or unset it`,
        };
    return;
  }
  const checkout = existsSync(join(root, 'kernels/build-native.mjs'));
  const installed = fromPackage(places);
  if (installed !== null) yield installed;
  else if (!checkout) yield { refused: withoutPackage(places) };
  if (!checkout) return;
  const path = join(root, 'dist/native', machine, libraryName(machine));
  yield existsSync(path)
    ? { path, origin: 'checkout' }
    : { refused: `no library at ${path} — with a C compiler, npm run build:native makes it` };
}

function libraryName(machine: string): string {
  return `varpool.${EXTENSION[machine.split('-')[0] as NodeJS.Platform] ?? 'so'}`;
}

/** The library of an installed package of this version; null where none is installed. */
function fromPackage({ machine, root, from }: SearchPlaces): Candidate | null {
  const name = nativePackage(machine);
  let manifest: string;
  try {
    manifest = requireFrom(from).resolve(`${name}/package.json`);
  } catch {
    return null;
  }
  const version = versionOf(manifest);
  const wanted = ownVersion(root);
  if (version !== wanted)
    return {
      refused: `${name}: expected version ${wanted}, got ${version ?? 'none'} — npm install ${name}@${wanted}`,
    };
  const path = join(manifest, '..', libraryName(machine));
  return existsSync(path)
    ? { path, origin: 'package' }
    : { refused: `${name}: expected a library, got none at ${path} — install it again` };
}

function withoutPackage({ machine, root }: SearchPlaces): string {
  if (!PACKAGED.includes(machine))
    return `no package of native kernels is made for ${machine}, only for ${PACKAGED.join(', ')} — WebAssembly serves here`;
  const wanted = `${nativePackage(machine)}@${ownVersion(root)}`;
  return `the optional package ${wanted} is not installed — npm install without --omit=optional brings it`;
}

/** The variants of the library at a path, or why it may not be called. */
function tryLibrary(path: string, { root }: SearchPlaces): { variants: readonly string[] } | string {
  let built: string;
  let variants: string;
  try {
    const library = openLibrary(path);
    built = library.func('varpool_sources', 'str', [])() as string;
    variants = library.func('varpool_variants', 'str', [])() as string;
  } catch (error) {
    const { message } = error as Error;
    return message.startsWith(`Cannot find module '${KOFFI}'`)
      ? `the optional package ${KOFFI} is not installed — npm install ${KOFFI}`
      : `${path}: ${message.split('\n')[0]}`;
  }
  const wanted = kernelSources(root);
  if (wanted === null) return 'no dist/kernels/build.json to compare a library with — run npm run build';
  if (built === wanted) return { variants: variants.split(' ') };
  const next = existsSync(join(root, 'kernels/build-native.mjs'))
    ? 'run npm run build:native again'
    : 'install varpool and its native package again, of one version';
  return `${path} was built from other kernel sources, ${built.slice(0, 12)} where this varpool has ${wanted.slice(0, 12)} — ${next}`;
}

const libraries = new Map<string, Library>();

/** Loads a library, once per thread. */
export function openLibrary(path: string): Library {
  let library = libraries.get(path);
  if (library === undefined) {
    library = koffi().load(path);
    libraries.set(path, library);
  }
  return library;
}

function ownVersion(root: string): string | null {
  return versionOf(join(root, 'package.json'));
}

function versionOf(manifest: string): string | null {
  return property(manifest, 'version');
}

/** Hash of the sources of the WebAssembly build in use. */
function kernelSources(root: string): string | null {
  return property(join(root, 'dist/kernels/build.json'), 'sources');
}

/** A string of a JSON file; null where file or property is missing or damaged. */
function property(path: string, name: string): string | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))[name];
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}
