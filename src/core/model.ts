// What a network is: sizes, activations and prior. No weights, no randomness, no threads.

import type { Activation } from '../backend/backend.ts';
import type { LayerSpec } from './layers/index.ts';

export type { LikelihoodSpec } from './likelihoods/index.ts';
export type { Activation, LayerSpec };

/** A feed-forward network [B, inputSize] → [B, outputSize] under a N(0, priorSigma²) prior on every weight and bias. */
export interface Model {
  readonly inputSize: number;
  readonly outputSize: number;
  readonly layers: readonly LayerSpec[];
  readonly priorSigma: number;
}
