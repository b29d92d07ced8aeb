// Predictions as plain lists, for pages that hold no typed arrays.

import type { Prediction } from './prediction.ts';

/** Statistics of rows as lists, in the order of `Prediction`. */
export interface PlainPrediction {
  readonly outputs: number;
  readonly mean: readonly number[];
  readonly variance: readonly number[];
  readonly aleatoric: readonly number[];
  readonly epistemic: readonly number[];
  readonly mutualInformation: readonly number[] | null;
  readonly expectedEntropy: readonly number[] | null;
  readonly quantiles: ReadonlyArray<readonly number[]>;
}

export function plainPrediction(prediction: Prediction): PlainPrediction {
  const list = (values: ArrayLike<number> | null) => values && Array.from(values);
  return {
    outputs: prediction.outputs,
    mean: [...prediction.mean],
    variance: [...prediction.variance],
    aleatoric: [...prediction.aleatoric],
    epistemic: [...prediction.epistemic],
    mutualInformation: list(prediction.mutualInformation),
    expectedEntropy: list(prediction.expectedEntropy),
    quantiles: (prediction.quantiles ?? []).map(({ values }) => [...values]),
  };
}
