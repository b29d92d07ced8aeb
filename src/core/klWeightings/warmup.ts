// The KL grows linearly to its full weight over the first epochs, then stays (Sønderby et al. 2016, "Ladder variational autoencoders", §3).

import type { Fields } from '../../options/kinds.ts';
import { MAX_STEPS } from '../limits.ts';
import type { KlWeighting } from './klWeighting.ts';
import { temperatureOption } from './tempered.ts';

export interface WarmupOptions {
  readonly epochs: number;
  readonly temperature?: number | undefined;
}

/** min(1, (step + 1)/(epochs·M)) times the temperature. */
export const warmup = {
  options: (fields: Fields) => ({
    epochs: fields
      .positive('Epochs over which the KL term grows to its full weight.')
      .max(MAX_STEPS, { error: `at most ${MAX_STEPS}` }),
    temperature: temperatureOption(fields).optional(),
  }),
  rises: true,
  falls: false,
  full: ({ temperature = 1 }) => temperature,
  weight: ({ epochs, temperature = 1 }, { step, perEpoch }) =>
    Math.min(1, (step + 1) / (epochs * perEpoch)) * temperature,
} as const satisfies KlWeighting<WarmupOptions>;
