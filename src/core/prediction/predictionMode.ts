// The ways to predict from a posterior.

/** How draws of the outputs are made: from drawn weights, from the mean of the weights, or layer by layer (estimators/marginalOutputs.ts). */
export const PREDICTION_MODES = ['sample', 'mean', 'marginal'] as const;
export type PredictionMode = (typeof PREDICTION_MODES)[number];
