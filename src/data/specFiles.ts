// The files of a spec: paths resolved from the config's directory, and a record of every one that was read.

import { basename, isAbsolute, join } from 'node:path';
import type { ColumnRef } from './columns.ts';
import type { FileProvenance } from './dataset.ts';
import type { ReadOptions } from './files.ts';
import { readIndices } from './indices.ts';
import type { ColumnFile } from './spec.ts';

/** Resolves the paths of a spec and remembers what was read through them. */
export class SpecFiles {
  readonly #given = new Map<string, string>();
  readonly #read = new Map<string, FileProvenance>();

  constructor(readonly context: ReadOptions & { readonly baseDir: string }) {}

  resolve(path: string): string {
    const resolved = isAbsolute(path) ? path : join(this.context.baseDir, path);
    this.#given.set(resolved, path);
    return resolved;
  }

  note(...sources: readonly FileProvenance[]): void {
    for (const source of sources) this.#read.set(source.path, source);
  }

  rows(path: string | undefined, size: number): Int32Array | undefined {
    return path === undefined ? undefined : this.#indices(path, 'row', size);
  }

  columns(refs: ColumnRef | readonly ColumnRef[] | ColumnFile): readonly ColumnRef[] {
    if (typeof refs === 'string' || typeof refs === 'number') return [refs];
    if ('file' in refs) return [...this.#indices(refs.file, 'column', null)];
    return refs;
  }

  provenance(): FileProvenance[] {
    return [...this.#read.values()].map((source) => ({ ...source, path: this.#asGiven(source.path) }));
  }

  // A file of a directory keeps its name behind the directory as given.
  #asGiven(path: string): string {
    const given = this.#given.get(path);
    if (given !== undefined) return given;
    for (const [resolved, dir] of this.#given) {
      if (join(resolved, basename(path)) === path) return join(dir, basename(path));
    }
    return path;
  }

  #indices(path: string, what: string, size: number | null): Int32Array {
    const { indices, source } = readIndices(this.resolve(path), what, size, this.context);
    this.note(source);
    return indices;
  }
}
