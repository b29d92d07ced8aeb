// What a config trains: one posterior, or an ensemble of them.

import type { ResolvedConfig } from '../config/config.ts';
import { memberTrainings } from './members.ts';
import { singleTraining } from './single.ts';
import type { Trainings } from './trainings.ts';

export function trainingsOf(config: ResolvedConfig): Trainings {
  const { ensemble } = config;
  return ensemble === undefined || ensemble.member !== undefined
    ? singleTraining(config)
    : memberTrainings(config, ensemble.members);
}
