// From moments over draws to what a user reads: variance split by its cause, entropies, the data's own units. Members of a mixture
// are added one after the other.

import { createLikelihood } from '../likelihoods/index.ts';
import type { Likelihood } from '../likelihoods/likelihood.ts';
import { predictedColumns } from '../likelihoods/sizes.ts';
import type { Posterior } from '../posterior.ts';
import type { MomentAccumulator } from './moments.ts';
import type { Prediction } from './prediction.ts';

/** The prediction of one posterior; arguments as PredictiveSummary.add. */
export function summarize(
  posterior: Posterior,
  rows: number,
  draws: number,
  outputs: MomentAccumulator,
  entropies: MomentAccumulator | null,
): Prediction {
  const summary = new PredictiveSummary(rows, predictedColumns(posterior));
  summary.add(posterior, draws, outputs, entropies);
  return summary.prediction();
}

/**
 * Law of total variance: epistemic = Var_s(E[y | w_s]), aleatoric = E_s(Var[y | w_s]). Entropies for discrete targets:
 * predictive H(E_s p_s), expected E_s H(p_s), mutual information the difference (Houlsby et al. 2011). s runs over the draws of all
 * members, each with its own noise scale and units.
 */
export class PredictiveSummary {
  #draws = 0;
  /** In the data's units. */
  readonly #mean: Float64Array;
  readonly #epistemic: Float64Array;
  readonly #aleatoric: Float64Array;
  #expectedEntropy: Float64Array | null = null;
  #likelihood: Likelihood | null = null;

  constructor(
    readonly rows: number,
    readonly outputs: number,
  ) {
    this.#mean = new Float64Array(rows * outputs);
    this.#epistemic = new Float64Array(rows * outputs);
    this.#aleatoric = new Float64Array(rows * outputs);
  }

  /**
   * Adds `draws` draws of a member; members in their order. With before draws so far, total = before + draws, δ = member mean − mean:
   * mean += δ·draws/total, epistemic = (before·epistemic + draws·member's)/total + δ²·before·draws/total² (Chan et al. 1983).
   * @param outputs moments over draws of E[y | w], [rows, K]; [rows, 2K] where the scale of the noise follows in each row
   * @param entropies moments over draws of H[y | w], [rows] or [rows, K]; null where they are not given
   */
  add(
    posterior: Posterior,
    draws: number,
    outputs: MomentAccumulator,
    entropies: MomentAccumulator | null,
  ): void {
    const K = this.outputs;
    const width = outputs.mean.length / this.rows;
    const { targets } = posterior.standardization;
    const likelihood = createLikelihood(posterior.likelihood);
    const total = this.#draws + draws;
    const [old, share] = [this.#draws / total, draws / total];
    for (let i = 0; i < this.#mean.length; i++) {
      const k = i % K;
      const at = width === K ? i : ((i - k) / K) * width + k;
      const variance = outputs.m2[at] / draws;
      const scaleOfNoise =
        width === K ? (posterior.noiseScale?.[k] ?? Number.NaN) : rootMeanSquare(outputs, at + K, draws);
      const noise = Math.fround(likelihood.aleatoric(scaleOfNoise, outputs.mean[at], variance));
      const scale = targets?.scale[k] ?? 1;
      const mean = targets === null ? outputs.mean[at] : targets.loc[k] + scale * outputs.mean[at];
      const epistemic = scale * scale * variance;
      const aleatoric = noise * (scale * scale);
      // The first member comes in as it is, so that one alone keeps its bits.
      const delta = old === 0 ? 0 : mean - this.#mean[i];
      this.#mean[i] = old === 0 ? mean : this.#mean[i] + delta * share;
      this.#epistemic[i] = old * this.#epistemic[i] + share * epistemic + delta * delta * old * share;
      this.#aleatoric[i] = old * this.#aleatoric[i] + share * aleatoric;
    }
    if (entropies !== null) this.#addEntropies(entropies.mean, old, share);
    this.#likelihood = likelihood;
    this.#draws = total;
  }

  #addEntropies(mean: Float64Array, old: number, share: number): void {
    this.#expectedEntropy ??= new Float64Array(mean.length);
    const expected = this.#expectedEntropy;
    for (let i = 0; i < mean.length; i++) expected[i] = old * expected[i] + share * mean[i];
  }

  prediction(): Prediction {
    const epistemic = this.#epistemic.slice();
    const aleatoric = this.#aleatoric.slice();
    const discrete = this.#expectedEntropy === null ? null : this.#uncertainty(this.#expectedEntropy);
    return {
      rows: this.rows,
      outputs: this.outputs,
      draws: this.#draws,
      mean: this.#mean.slice(),
      variance: epistemic.map((value, i) => value + aleatoric[i]),
      aleatoric,
      epistemic,
      predictiveEntropy: discrete?.predictive ?? null,
      expectedEntropy: discrete?.expected ?? null,
      mutualInformation: discrete?.mutual ?? null,
      quantiles: null,
    };
  }

  #uncertainty(expectedEntropy: Float64Array) {
    const K = this.outputs;
    const predictive = new Float32Array(expectedEntropy.length);
    const likelihood = this.#likelihood as Likelihood;
    const apart = likelihood.entropies === 'row' ? K : 1;
    for (let i = 0; i < predictive.length; i++)
      predictive[i] = likelihood.predictiveEntropy(this.#mean, i * apart, K);
    const expected = Float32Array.from(expectedEntropy);
    const mutual = predictive.map((h, i) => Math.max(0, h - expected[i]));
    return { predictive, expected, mutual };
  }
}

/** sqrt(E v²) = sqrt(mean² + variance) over draws. */
function rootMeanSquare({ mean, m2 }: MomentAccumulator, i: number, draws: number): number {
  return Math.sqrt(mean[i] * mean[i] + m2[i] / draws);
}
