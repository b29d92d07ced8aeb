// What a network is: sizes, activations, prior and likelihood. No weights, no randomness, no threads.

import type { Activation } from '../backend/backend.ts';
import type { LayerSpec } from './layers/index.ts';

export type { Activation, LayerSpec };

/** A feed-forward network [B, inputSize] → [B, outputSize] under a N(0, priorSigma²) prior on every weight and bias. */
export interface Model {
  readonly inputSize: number;
  readonly outputSize: number;
  readonly layers: readonly LayerSpec[];
  readonly priorSigma: number;
}

/**
 * How a network's output is read as a distribution of targets.
 * `categorical`: logits of outputSize classes. `bernoulli`: outputSize independent logits.
 * `gaussian`: means, with a `scale` (standard deviation, in the units the network is trained in) that is a number or `learned`, one per output.
 */
export type LikelihoodSpec =
  | { readonly kind: 'categorical' }
  | { readonly kind: 'bernoulli' }
  | { readonly kind: 'gaussian'; readonly scale: number | 'learned' };
