// Features for prediction out of whatever file the user has: text, NPY or IDX, told apart by their first bytes.

import { statSync } from 'node:fs';
import type { Matrix } from '../core/matrix.ts';
import type { FileProvenance } from './dataset.ts';
import { contentHead, openDataFile } from './files.ts';
import type { FeatureOptions } from './formats/csv.ts';
import { featuresOf } from './formats/csv.ts';
import { idxFeatures, looksLikeIdx, readIdx, readIdxParts } from './formats/idx.ts';
import { looksLikeNpy, npyMatrix, npyOf } from './formats/npy.ts';
import { count, fail, showPath } from './message.ts';

export interface InputOptions extends FeatureOptions {
  /** For IDX: what pixels are divided by; default 255. */
  readonly divisor?: number | undefined;
}

/**
 * Reads the features of rows to predict; a directory stands for its t10k images (or, without them, its train images).
 * @throws DataError naming file and place, also if the column count is not that of the model
 */
export function readInputs(
  path: string,
  options: InputOptions,
): { features: Matrix; source: readonly FileProvenance[] } {
  const divisor = options.divisor ?? 255;
  if (isDirectory(path)) {
    const parts = readIdxParts(path, options);
    const { images } = (parts.test ?? parts.train)!;
    return {
      features: fitting(idxFeatures(images, divisor), options.columns, images.source.path),
      source: [images.source],
    };
  }
  const file = openDataFile(path, options);
  const head = contentHead(file, 8);
  if (looksLikeNpy(head)) {
    const array = npyOf(file);
    return {
      features: fitting(npyMatrix(array, options.standardized), options.columns, path),
      source: [array.source],
    };
  }
  if (looksLikeIdx(head)) {
    const array = readIdx(path, options);
    return { features: fitting(idxFeatures(array, divisor), options.columns, path), source: [array.source] };
  }
  return featuresOf(file, options);
}

function fitting(matrix: Matrix, columns: number, path: string): Matrix {
  if (matrix.columns === columns) return matrix;
  const next = matrix.columns > columns ? 'is the label column still in?' : 'is this data for another model?';
  return fail(showPath(path), count(columns, 'column'), `${matrix.columns}`, next);
}

// Whatever else is wrong with the path, opening it as a file will say so.
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
