// Which prior the weights of each layer have: the model's, or one of the layer's own.

import type { Model } from './model.ts';
import { createPrior } from './priors/index.ts';
import type { Prior } from './priors/prior.ts';

/** The different priors of a model, and by layer which of them it has. */
export interface LayerPriors {
  readonly priors: readonly Prior[];
  readonly ofLayer: readonly number[];
  /** Whether training takes log p of any of them at drawn weights. */
  readonly drawsWeights: boolean;
}

export function layerPriors({ layers, prior }: Pick<Model, 'layers' | 'prior'>): LayerPriors {
  const specs: string[] = [];
  const priors: Prior[] = [];
  const ofLayer = layers.map((layer) => {
    const spec = layer.prior ?? prior;
    const text = JSON.stringify(spec);
    if (!specs.includes(text)) {
      specs.push(text);
      priors.push(createPrior(spec));
    }
    return specs.indexOf(text);
  });
  const drawsWeights = priors.some(({ sampled }) => sampled);
  return { priors, ofLayer, drawsWeights };
}
