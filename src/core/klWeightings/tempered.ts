// The KL weighs `temperature` throughout: below 1 a cold posterior, in which each row counts 1/temperature times (Wenzel et al. 2020, "How good
// is the Bayes posterior in deep neural networks really?"; here the likelihood alone is tempered, not the prior with it).

import type { Fields } from '../../options/kinds.ts';
import type { KlWeighting } from './klWeighting.ts';

export const temperatureOption = ({ positive }: Fields) =>
  positive('Full weight of the KL term: 1 is the ELBO, less trusts the rows more.');

export const tempered = {
  options: (fields: Fields) => ({ temperature: temperatureOption(fields) }),
  rises: false,
  falls: false,
  full: ({ temperature }) => temperature,
  weight: ({ temperature }) => temperature,
} as const satisfies KlWeighting<{ readonly temperature: number }>;
