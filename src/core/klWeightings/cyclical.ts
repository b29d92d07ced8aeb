// The KL grows to its full weight again and again (Fu et al. 2019, "Cyclical annealing schedule", eq. 6–8): what an early rise has let
// collapse may be found in a later one. The last cycle ends at full weight.

import type { Fields } from '../../options/kinds.ts';
import { MAX_STEPS } from '../limits.ts';
import type { KlWeighting } from './klWeighting.ts';
import { temperatureOption } from './tempered.ts';

export interface CyclicalOptions {
  readonly cycles?: number | undefined;
  readonly rising?: number | undefined;
  readonly temperature?: number | undefined;
}

/** min(1, place/rising) times the temperature, place in (0, 1] that of the step in its cycle of steps/cycles. */
export const cyclical = {
  options: (fields: Fields) => ({
    cycles: fields.count('Cycles of equal length over the whole training.', MAX_STEPS).default(4),
    rising: fields.fraction('Part of a cycle over which the KL term grows to its full weight.').default(0.5),
    temperature: temperatureOption(fields).optional(),
  }),
  rises: true,
  falls: true,
  full: ({ temperature = 1 }) => temperature,
  weight({ cycles = 4, rising = 0.5, temperature = 1 }, { step, steps }) {
    const length = Math.max(1, steps / cycles);
    const place = ((step % length) + 1) / length;
    return Math.min(1, place / rising) * temperature;
  },
} as const satisfies KlWeighting<CyclicalOptions>;
