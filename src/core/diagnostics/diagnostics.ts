// How a posterior is doing, weight by weight: KL, collapse to the prior, signal-to-noise, sigma, gradients; per tensor, per layer
// and overall. Read-only: nothing here changes a number that is trained. Words for what is wrong are in diagnosticWarnings.ts.

import { LANES } from '../../backend/backend.ts';
import { softplus } from '../../math/float64.ts';
import type { LayerPriors } from '../layerPriors.ts';
import type { LayerLayout, ParameterLayout } from '../parameters.ts';
import { sumOfSquares } from './smoothedGradient.ts';
import { type DecibelHistogram, type WeightQuantiles, WeightTally } from './weightTally.ts';

/** One tensor (`layers.0.weight`), one layer (`layers.0`) or all parameters (`all`). */
export interface WeightDiagnostics {
  readonly name: string;
  /** Weights and biases, P. */
  readonly count: number;
  /** Σ KL(q ‖ prior) in nats. */
  readonly kl: number;
  /** Its part of −elbo: kl / (N·(nll + kl/N)); null where nll is below 0 or not known. */
  readonly klShare: number | null;
  /** Share of weights whose own KL is below 0.01 nats: they say what the prior says. */
  readonly collapsed: number;
  /** 10·log10(|mu|/sigma). */
  readonly snr: WeightQuantiles;
  readonly snrHistogram: DecibelHistogram;
  readonly sigma: WeightQuantiles;
  /** Of 10·log10(sigma). */
  readonly sigmaHistogram: DecibelHistogram;
  /** Share of weights whose sigma is more than 1 % from where it started; null where that is not known. */
  readonly sigmaMoved: number | null;
  /** Euclidean norms of the optimizer's running mean of the gradients of −elbo per row; null outside of a training. */
  readonly smoothedGradientNorm: { readonly mu: number; readonly rho: number } | null;
}

/** `all` and its parts. */
export interface ModelDiagnostics {
  readonly all: WeightDiagnostics;
  readonly layers: readonly WeightDiagnostics[];
  readonly tensors: readonly WeightDiagnostics[];
}

/** What a posterior alone does not know. */
export interface DiagnosticContext {
  readonly priors: LayerPriors;
  readonly initialRho?: number;
  /** N training rows, or the sum of their weights, and the nll per row that go with these parameters. */
  readonly fit?: { readonly dataWeight: number; readonly nll: number };
}

/** Running sums of gradients in the layout of the parameters. */
export interface GradientBuffers {
  readonly mu: Float32Array;
  readonly rho: Float32Array;
  /** Turns sums into means. */
  readonly scale: number;
}

/** A tally with the gradients' squares beside. */
export class Part {
  readonly weights: WeightTally;
  squaresMu = 0;
  squaresRho = 0;

  constructor(
    readonly name: string,
    readonly context: DiagnosticContext,
    layer: number,
  ) {
    const { priors, initialRho } = context;
    const prior = priors.priors[priors.ofLayer[layer]];
    this.weights = new WeightTally(prior, initialRho === undefined ? Number.NaN : softplus(initialRho));
  }

  merge(other: Part): void {
    this.weights.merge(other.weights);
    this.squaresMu += other.squaresMu;
    this.squaresRho += other.squaresRho;
  }

  result(klPerRowShare: number | null, gradientScale: number | null): WeightDiagnostics {
    const { weights } = this;
    return {
      name: this.name,
      count: weights.count,
      kl: weights.kl,
      klShare: klPerRowShare === null ? null : weights.kl * klPerRowShare,
      collapsed: weights.collapsed / weights.count,
      snr: weights.snrQuantiles(),
      snrHistogram: weights.snrHistogram(),
      sigma: weights.sigmaQuantiles(),
      sigmaHistogram: weights.sigmaHistogram(),
      sigmaMoved: this.context.initialRho === undefined ? null : weights.moved / weights.count,
      smoothedGradientNorm:
        gradientScale === null
          ? null
          : {
              mu: Math.sqrt(this.squaresMu) * gradientScale,
              rho: Math.sqrt(this.squaresRho) * gradientScale,
            },
    };
  }
}

/** Diagnoses parameters as they lie in training: panels of 16 columns. */
export function diagnosePanels(
  layout: ParameterLayout,
  mu: Float32Array,
  rho: Float32Array,
  gradients: GradientBuffers | null,
  context: DiagnosticContext,
): ModelDiagnostics {
  const parts = layout.layers.flatMap((layer) => {
    const weight = new Part(`layers.${layer.index}.weight`, context, layer.index);
    const bias = new Part(`layers.${layer.index}.bias`, context, layer.index);
    eachRun(layer, (isBias, from, to) => {
      const part = isBias ? bias : weight;
      part.weights.add(mu, rho, from, to);
      if (gradients === null) return;
      part.squaresMu += sumOfSquares(gradients.mu, from, to);
      part.squaresRho += sumOfSquares(gradients.rho, from, to);
    });
    return [weight, bias];
  });
  return summed(parts, context, gradients?.scale ?? null);
}

/** Runs of one layer's slots that exist and belong to one tensor: of a panel, the bias row and the rows of weights. */
function eachRun(layer: LayerLayout, visit: (isBias: boolean, from: number, to: number) => void): void {
  for (let panel = 0; panel < layer.panels; panel++) {
    const start = layer.offset + panel * layer.panelRows * LANES;
    const lanes = Math.min(LANES, layer.O - panel * LANES);
    visit(true, start, start + lanes);
    if (lanes === LANES) visit(false, start + LANES, start + layer.rows * LANES);
    else
      for (let row = 1; row < layer.rows; row++)
        visit(false, start + row * LANES, start + row * LANES + lanes);
  }
}

/** Two parts a layer, weight and bias, in order. */
/** @internal */
export function summed(
  parts: readonly Part[],
  context: DiagnosticContext,
  gradientScale: number | null,
): ModelDiagnostics {
  const all = new Part('all', context, 0);
  const layers: Part[] = [];
  for (let p = 0; p < parts.length; p += 2) {
    const layer = new Part(`layers.${p / 2}`, context, p / 2);
    layer.merge(parts[p]);
    layer.merge(parts[p + 1]);
    layers.push(layer);
    all.merge(layer);
  }
  const share = shareOfKl(context.fit, all.weights.kl);
  const result = (part: Part) => part.result(share, gradientScale);
  return { all: result(all), layers: layers.map(result), tensors: parts.map(result) };
}

/** What a nat of KL is of N·(−elbo), or null: with a density above 1 nll is below 0, and a share of a difference says nothing. */
function shareOfKl(fit: DiagnosticContext['fit'], kl: number): number | null {
  if (fit === undefined || !(fit.nll >= 0)) return null;
  return 1 / (fit.dataWeight * fit.nll + kl);
}
