// The rows of a sweep's cells: read once for all cells that train on the same, and what a cell will take in time and memory.

import type { FileProvenance } from '../../data/dataset.ts';
import type { LoadedData } from '../../data/load.ts';
import { availableMemory } from '../../platform/node/resources.ts';
import type { ResolvedConfig } from '../config/config.ts';
import { dataTask, loadRunData, type PreparedRun, prepareRun } from '../run/data.ts';
import { trainingsOf } from '../trainings/trainingsOf.ts';
import type { SweepCell } from './cells.ts';

/** Bytes of features that are kept for cells to come. */
const CACHE_BYTES = 1 << 30;
/** Arrays of the size of the parameters that a training holds: mu, rho, their gradients, moments, drawn weights, a snapshot. */
const PARAMETER_ARRAYS = 16;

/** What a cell takes, roughly: good enough to tell long from short and small from large. */
export interface Need {
  /** Multiplications of the whole training. */
  readonly work: number;
  readonly bytes: number;
}

export function need({ config, data, model }: PreparedRun): Need {
  const { epochs, draws } = config.training;
  const { count } = trainingsOf(config);
  const weights = model.layers.reduce((sum, { inputSize, outputSize }) => sum + inputSize * outputSize, 0);
  return {
    work: count * epochs * draws * data.train.features.rows * weights,
    bytes: 4 * PARAMETER_ARRAYS * weights * count + bytesOf(data),
  };
}

/** Cells to train side by side: one more than workers, unless memory holds fewer of the largest. */
export function lanesFor(needs: readonly Need[], workers: number): number {
  const largest = needs.reduce((most, { bytes }) => Math.max(most, bytes), 1);
  // One more: while a cell is read, measured or written, the others keep every worker busy. Half of the memory is for the rest.
  return Math.min(needs.length, workers + 1, Math.max(1, Math.floor(availableMemory() / 2 / largest)));
}

/** Rows by what they depend on: cells of the same data share one copy of them, as long as there is room. */
export class SweepData {
  readonly #kept = new Map<string, LoadedData>();
  readonly #files = new Map<string, FileProvenance>();
  #bytes = 0;

  /** @throws DataError or ConfigError naming the cell */
  prepared({ config, name }: SweepCell, file: string): PreparedRun {
    return prepareRun(
      config,
      `${file}: cell ${name}`,
      this.#load(config, `put it there, or correct {field} of cell ${name} in ${file}`),
    );
  }

  /** Every file read so far. */
  get provenance(): FileProvenance[] {
    return [...this.#files.values()];
  }

  #load(config: ResolvedConfig, next: string): LoadedData {
    const { data } = config;
    const drawn = data.kind === 'synthetic' || (data.kind !== 'idx' && data.testFraction !== undefined);
    const byLot = drawn || data.validation !== undefined;
    const key = JSON.stringify([data, dataTask(config), byLot ? config.seed : null]);
    const known = this.#kept.get(key);
    // Taken out and put in again: the map is in the order of last use.
    this.#kept.delete(key);
    const loaded = known ?? loadRunData(config, next);
    this.#kept.set(key, loaded);
    if (known === undefined) {
      this.#bytes += bytesOf(loaded);
      for (const source of loaded.provenance) this.#files.set(source.path, source);
    }
    for (const [old, unused] of this.#kept) {
      if (this.#bytes <= CACHE_BYTES || old === key) break;
      this.#kept.delete(old);
      this.#bytes -= bytesOf(unused);
    }
    return loaded;
  }
}

function bytesOf({ train, validation, test }: LoadedData): number {
  return [train, validation, test].reduce((sum, table) => sum + (table?.features.data.byteLength ?? 0), 0);
}
