// What a prediction is: moments and entropies of S posterior draws, per row; and what a single draw is.

/**
 * Predictive statistics of `rows` inputs with `outputs` values each; arrays are row-major [rows, outputs] unless said, in the
 * data's own units: float64, because units may be of any size; entropies are float32.
 */
export interface Prediction {
  readonly rows: number;
  readonly outputs: number;
  /** Draws aggregated; 1 in mode `mean`. Where rows took as many as their tolerance asked for: the most of any row. */
  readonly draws: number;
  /** Draws of each row, [rows], where they were to reach a tolerance. */
  readonly rowDraws?: Int32Array;
  /** Predictive mean: for categorical and bernoulli the averaged probabilities. */
  readonly mean: Float64Array;
  /** Total predictive variance = aleatoric + epistemic (law of total variance). */
  readonly variance: Float64Array;
  /** E over draws of the variance of the target given the weights (the likelihood's noise). */
  readonly aleatoric: Float64Array;
  /** Variance over draws of the mean of the target given the weights (what more data would remove). */
  readonly epistemic: Float64Array;
  /** categorical: [rows], bernoulli: [rows, outputs]; nats. Null for likelihoods of measured values. */
  readonly predictiveEntropy: Float32Array | null;
  /** Mean over draws of the entropy given the weights, same shape. */
  readonly expectedEntropy: Float32Array | null;
  /** predictiveEntropy − expectedEntropy, never below 0, same shape. */
  readonly mutualInformation: Float32Array | null;
  /** Quantiles of the predictive distribution (noise included), one array [rows, outputs] per level asked for. */
  readonly quantiles: ReadonlyArray<{ readonly level: number; readonly values: Float64Array }> | null;
}

/** One draw of the network's outputs for all rows, in the data's units. */
export interface Draw {
  readonly draw: number;
  /** The member that gives it, draw mod M; 0 where there is one. */
  readonly member: number;
  readonly rows: number;
  readonly outputs: number;
  /** Means or probabilities given the drawn weights, [rows, outputs]. */
  readonly values: Float64Array;
  /**
   * Scale of the observation noise in this draw, of a gaussian its standard deviation: [outputs], or [rows, outputs] where rows have their own;
   * null where the likelihood has none.
   */
  readonly noiseScale: Float64Array | null;
}
