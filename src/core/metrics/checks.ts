// The few checks every metric makes at its public edge, so that each says the same sentence about the same mistake.

/** @throws RangeError if there is not exactly one value for each of `count` rows, or none at all */
export function checkLength(where: string, what: string, values: ArrayLike<number>, count: number): void {
  if (count === 0)
    throw new RangeError(`${where}: expected at least one value, got none — is the data set empty?`);
  if (values.length !== count) {
    throw new RangeError(`${where}: expected ${count} ${what}, got ${values.length} — check the shapes`);
  }
}

/** Rows of a [rows, columns] table. @throws RangeError if it is empty or its length is not a multiple of `columns` */
export function rowsOf(where: string, table: ArrayLike<number>, columns: number): number {
  if (!Number.isInteger(columns) || columns < 1) {
    throw new RangeError(
      `${where}: expected a positive number of columns, got ${columns} — check the shapes`,
    );
  }
  if (table.length === 0 || table.length % columns !== 0) {
    throw new RangeError(
      `${where}: expected rows of ${columns} numbers, got ${table.length} in all — check the shapes`,
    );
  }
  return table.length / columns;
}

/** @throws RangeError if a label is not an integer in [0, classes) */
export function checkLabels(where: string, labels: ArrayLike<number>, classes: number): void {
  for (let r = 0; r < labels.length; r++) {
    const label = labels[r];
    if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
      throw new RangeError(
        `${where}: expected labels from 0 to ${classes - 1}, got ${label} in row ${r} — map class names to numbers first`,
      );
    }
  }
}

/** Draws in a [S, rows, K] block, whose noise is [K] or a block as well. @throws RangeError if the sizes do not fit each other */
export function drawsOf(
  where: string,
  draws: ArrayLike<number>,
  noiseScale: ArrayLike<number>,
  targets: ArrayLike<number>,
  K = noiseScale.length,
): number {
  rowsOf(where, targets, K);
  if (draws.length === 0 || draws.length % targets.length !== 0) {
    throw new RangeError(
      `${where}: expected draws [S, rows, outputs] as a multiple of ${targets.length} numbers, got ${draws.length} — check the shapes`,
    );
  }
  if (noiseScale.length !== K && noiseScale.length !== draws.length) {
    throw new RangeError(
      `${where}: expected ${K} noise scales, or ${draws.length} like draws, got ${noiseScale.length} — check the shapes`,
    );
  }
  return draws.length / targets.length;
}
