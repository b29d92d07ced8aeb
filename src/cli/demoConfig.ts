// The config of the demo: the regression curve of Blundell et al. 2015, §5.2, and a network that fits it in a second or two.

import type { ResolvedConfig } from '../experiment/config/config.ts';
import { parseConfigWith } from '../experiment/config/configWith.ts';
import type { FieldValues } from '../experiment/config/setField.ts';

// relu: piecewise linear functions drawn from q fan out beyond the data, where tanh would go flat. The noise of the
// curve goes through its sines, so that it has heavier tails than a gaussian. Local reparameterization fits in a quarter of the steps, and
// without the spikes, that a draw of weights for each step takes.
const DEMO_CONFIG = `
seed: demo
data: { kind: synthetic, rows: 500, testRows: 1000, low: 0, high: 0.5, noise: 0.02, standardize: both }
model: { hiddenSizes: [32, 32], activation: relu }
prior: { kind: gaussian, sigma: 1 }
likelihood: { kind: studentT, df: 8, scale: learned }
training:
  epochs: 1200
  batchSize: 125
  estimator: localReparameterization
  optimizer: { kind: adam, learningRate: 0.01 }
  schedule: { kind: cosine }
prediction: { draws: 500 }
`;

export function demoConfig(set: FieldValues = {}): ResolvedConfig {
  return parseConfigWith(DEMO_CONFIG, 'demo.yaml', set);
}
