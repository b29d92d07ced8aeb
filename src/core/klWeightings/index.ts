// The KL weightings there are, by the names users call them.

import type { Spec, Written } from '../../options/kinds.ts';
import { blundell } from './blundell.ts';
import { cyclical } from './cyclical.ts';
import type { KlWeighting, StepPlace } from './klWeighting.ts';
import { tempered } from './tempered.ts';
import { uniform } from './uniform.ts';
import { warmup } from './warmup.ts';

export type { StepPlace };

export const KL_WEIGHTINGS = { uniform, blundell, warmup, cyclical, tempered } as const;

/** One that has no options is written by its name. */
export type KlWeightingSpec = Written<Spec<typeof KL_WEIGHTINGS>>;

function asked(weighting: KlWeightingSpec): { kind: KlWeighting<object>; options: object } {
  const options = typeof weighting === 'string' ? { kind: weighting } : weighting;
  return { kind: KL_WEIGHTINGS[options.kind] as KlWeighting<object>, options };
}

/** klWeight of a step. */
export function klWeight(weighting: KlWeightingSpec, at: StepPlace): number {
  const { kind, options } = asked(weighting);
  return kind.weight(options, at);
}

/** What part of its full weight a KL that rises has come to; 1 for one that does not. */
export function riseOf(weighting: KlWeightingSpec, at: StepPlace): number {
  const { kind, options } = asked(weighting);
  return kind.rises ? kind.weight(options, at) / kind.full(options) : 1;
}

/** Whether the KL weighs less in some step than in one before. */
export function falls(weighting: KlWeightingSpec): boolean {
  return asked(weighting).kind.falls;
}
