// The config of the demo: the regression curve of Blundell et al. 2015, §5.2, and a network that fits it in seconds.

import type { ResolvedConfig } from '../experiment/config/config.ts';
import { parseConfigWith } from '../experiment/config/configWith.ts';
import type { FieldValues } from '../experiment/config/setField.ts';

// relu, and inputs as they are: piecewise linear functions drawn from q fan out beyond the data, where tanh would go flat.
const DEMO_CONFIG = `
seed: demo
data: { kind: synthetic, rows: 500, testRows: 1000, low: 0, high: 0.5, noise: 0.02 }
model: { hiddenSizes: [64, 64], activation: relu }
prior: { kind: gaussian, sigma: 1 }
likelihood: { kind: gaussian, scale: learned }
training:
  epochs: 4000
  batchSize: 250
  draws: 4
  optimizer: { kind: adam, learningRate: 0.005 }
  schedule: { kind: cosine }
prediction: { draws: 500 }
`;

export function demoConfig(set: FieldValues = {}): ResolvedConfig {
  return parseConfigWith(DEMO_CONFIG, 'demo.yaml', set);
}
