// Packages that may be there or not, looked up while the program runs and out of the sight of bundlers, which would take them for needed.

import { createRequire } from 'node:module';

export type Koffi = typeof import('koffi');

/** `require` as a file at a URL has it. */
export function requireFrom(url: string): NodeJS.Require {
  return createRequire(url);
}

/** The package with koffi's code for this machine. It has no install script, which koffi itself has. */
export const KOFFI = `@koromix/koffi-${process.platform}-${process.arch}`;

let loaded: Koffi | undefined;

/** koffi, once per thread; throws where it is not installed. */
export function koffi(): Koffi {
  loaded ??= loadKoffi();
  return loaded;
}

function loadKoffi(): Koffi {
  const require = requireFrom(import.meta.url);
  try {
    return require(KOFFI) as Koffi;
  } catch (error) {
    // On machines that varpool names no package for, a program may have koffi of its own.
    try {
      return require(['koffi'].join()) as Koffi;
    } catch {
      throw error;
    }
  }
}

/** Whether this process has loaded koffi, by whatever package. */
export function hasKoffi(): boolean {
  const { cache } = requireFrom(import.meta.url);
  return Object.keys(cache).some((path) => /[\\/](koffi|@koromix)[\\/]/.test(path));
}
