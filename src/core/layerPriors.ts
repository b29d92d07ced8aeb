// Which prior the weights of each layer have: the model's, or one of the layer's own; and what these have learned.

import { layerShape } from './layers/index.ts';
import type { Model } from './model.ts';
import { createPrior } from './priors/index.ts';
import type { LearnedPrior, Prior } from './priors/prior.ts';

type Priors = Pick<Model, 'layers' | 'prior'>;

/** The different priors of a model, and by layer which of them it has. */
export interface LayerPriors {
  readonly priors: readonly Prior[];
  readonly ofLayer: readonly number[];
  /** Whether training takes log p of any of them at drawn weights. */
  readonly drawsWeights: boolean;
}

/** What each layer's prior learns; null where it learns nothing or the layer has no weights. */
export function learnedPriors({ layers, prior }: Priors): (LearnedPrior | null)[] {
  return layers.map((layer) =>
    layerShape(layer).O === 0 ? null : (createPrior(layer.prior ?? prior).learned ?? null),
  );
}

/** Numbers that the priors of all layers learn. */
export function learnedCount(model: Priors): number {
  return learnedPriors(model).reduce((sum, learned) => sum + (learned?.names.length ?? 0), 0);
}

/** @param values by layer what learned priors have come to; where there are none, what they start from */
export function layerPriors(
  model: Priors,
  values: readonly (ArrayLike<number> | null | undefined)[] = [],
): LayerPriors {
  const keys: string[] = [];
  const priors: Prior[] = [];
  const learned = learnedPriors(model);
  const ofLayer = model.layers.map((layer, l) => {
    const spec = layer.prior ?? model.prior;
    // A prior that learns is one layer's own.
    const key = JSON.stringify(learned[l] === null ? spec : [spec, l]);
    if (!keys.includes(key)) {
      keys.push(key);
      priors.push(learned[l]?.at(values[l] ?? learned[l].initial) ?? createPrior(spec));
    }
    return keys.indexOf(key);
  });
  const drawsWeights = priors.some(({ sampled }) => sampled);
  return { priors, ofLayer, drawsWeights };
}
