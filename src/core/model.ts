// What a network is: sizes, activations and prior. No weights, no randomness, no threads.

import type { Activation } from '../backend/backend.ts';
import type { LayerSpec } from './layers/index.ts';
import type { PriorSpec } from './priors/index.ts';

export type { LikelihoodSpec } from './likelihoods/index.ts';
export type { Activation, LayerSpec };

/** A feed-forward network [B, inputSize] → [B, outputSize] with a prior on every weight and bias. */
export interface Model {
  readonly inputSize: number;
  readonly outputSize: number;
  readonly layers: readonly LayerSpec[];
  /** Of all layers that have none of their own. */
  readonly prior: PriorSpec;
}
