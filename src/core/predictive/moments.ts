// Moments of many tiles, put together in a fixed order: Chan, Golub & LeVeque 1983 in float64 over float32 tiles.

/** Running mean and sum of squared deviations per element. */
export class MomentAccumulator {
  readonly mean: Float64Array;
  readonly m2: Float64Array;

  constructor(size: number) {
    this.mean = new Float64Array(size);
    this.m2 = new Float64Array(size);
  }

  /**
   * Adds a tile of `n` further draws to element `i`, which has seen `before` draws:
   * mean += δ·n/(before + n), m2 += tile m2 + δ²·before·n/(before + n), δ = tile mean − mean.
   */
  add(i: number, before: number, n: number, tileMean: number, tileM2: number): void {
    const total = before + n;
    const delta = tileMean - this.mean[i];
    this.mean[i] += (delta * n) / total;
    this.m2[i] += tileM2 + (delta * delta * before * n) / total;
  }
}
