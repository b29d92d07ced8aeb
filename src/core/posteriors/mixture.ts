// Several posteriors as one mixture: its members, their seeds, and which of them gives which draw. How one is made: ensembleOf.ts.

import { memberSeed, type Seed, seedText } from '../../random/seed.ts';
import type { AnyPosterior, Posterior } from '../posterior.ts';

/** Members of an ensemble; a posterior is the only member of itself. */
export function membersOf(posterior: AnyPosterior): readonly Posterior[] {
  return 'members' in posterior ? posterior.members : [posterior];
}

/** The same weights with other noise: the members of an ensemble get the seeds that `seed` would train them by. */
export function reseeded(posterior: AnyPosterior, seed: Seed): AnyPosterior {
  if (!('members' in posterior)) return { ...posterior, seed: seedText(seed) };
  const members = posterior.members.map((member, m) => ({ ...member, seed: memberSeed(seed, m) }));
  return { ...posterior, members };
}

/**
 * Draws of member m among the first `draws` of the mixture. Draw s of an ensemble of M is draw floor(s / M) of member s mod M: every
 * member gives the draws it gives alone, from its first, and one at most more than another.
 */
export function drawsOfMember(draws: number, M: number, m: number): number {
  return Math.max(0, Math.ceil((draws - m) / M));
}
