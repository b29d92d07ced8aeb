// Antithetic pairs (Hammersley & Morton 1956): draw 2j has the noise that it has by reparameterization, draw 2j + 1 the same noise
// negated. Each draw alone is one of q, so gradients stay unbiased; what is odd in the noise cancels within a pair.

import type { Bare } from '../../options/kinds.ts';
import type { Objection } from '../objection.ts';
import type { Estimator, EstimatorContext } from './estimator.ts';
import { type DrawnMemory, Reparameterization, reparameterization } from './reparameterization.ts';
import { WeightDraws } from './weightDraws.ts';

class AntitheticDraws extends WeightDraws {
  override draw(step: number, b: number, mean: number): void {
    const { layout, rho, kernels, draws } = this.at;
    const { rows, offset } = layout.blocks[b];
    for (let s = 0; s < draws; s += 2) {
      this.drawOne(step, b, s, mean);
      kernels.mirror_f32(
        this.weights(s + 1, offset),
        this.noiseOf(s + 1, offset),
        mean,
        rho + offset * 4,
        this.noiseOf(s, offset),
        rows,
      );
    }
  }
}

export const antithetic: Estimator<DrawnMemory> & Bare = {
  options: () => ({}),
  reserve: reparameterization.reserve,
  create: (context: EstimatorContext<DrawnMemory>) =>
    new Reparameterization(context, new AntitheticDraws(context, context.own.w, context.own.noise)),
  objection({ draws }): Objection | null {
    if (draws % 2 === 0) return null;
    const expected = 'an even number for antithetic, whose draws come in pairs';
    return { option: 'draws', expected, got: `${draws}`, next: `take ${draws + 1}` };
  },
};
