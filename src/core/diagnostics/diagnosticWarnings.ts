// What diagnostics mean in words, when something is wrong: one line each, with what to do. The thresholds are far from anything a
// good fit shows, so that a warning is worth reading.

import type { ModelDiagnostics, WeightDiagnostics } from './diagnostics.ts';

export interface DiagnosticWarning {
  /** What is wrong, for programs. */
  readonly code: 'collapsed' | 'underfit' | 'frozenSigma' | 'pointEstimate';
  /** The same for people, in one line. */
  readonly message: string;
}

/** What is said when a warning that was given holds no more. */
export const WITHDRAWALS: Readonly<Record<DiagnosticWarning['code'], string>> = {
  collapsed: 'no layer is collapsed to the prior now',
  underfit: 'the training rows are fitted better than by a constant now',
  frozenSigma: 'sigma has moved from where it started now',
  pointEstimate: 'the posterior is no longer close to a point estimate',
};

/** How well the training rows are fitted, in nats per row. */
export interface Fit {
  /** Of several epochs: one alone may be a spike. */
  readonly nll: number;
  /** Of the best constant prediction. */
  readonly baselineNll: number;
}

/** A layer this far at its prior passes on noise. */
const COLLAPSED_SHARE = 0.9;
/** Of a layer with fewer weights a share says little. */
const FEWEST_WEIGHTS = 16;
/** Less gain over a constant than this is none: an R² of 2 % for a gaussian. */
const NO_GAIN_NATS = 0.01;
/** sigma of this share of the weights did not move by 1 %. */
const FROZEN_SHARE = 0.95;
/** Median of |mu|/sigma above 100. */
const POINT_ESTIMATE_DB = 20;

/** The warnings that a trained network deserves. At the start of a training all of them are normal: ask when it has come a way. */
export function diagnosticWarnings(found: ModelDiagnostics, fit: Fit): DiagnosticWarning[] {
  return [collapsed(found), underfit(found, fit), frozenSigma(found), pointEstimate(found)].filter(
    (warning) => warning !== null,
  );
}

function collapsed({ layers }: ModelDiagnostics): DiagnosticWarning | null {
  const gone = layers.filter((layer) => layer.count >= FEWEST_WEIGHTS && layer.collapsed >= COLLAPSED_SHARE);
  if (gone.length === 0) return null;
  const names = gone.map((layer) => `${percent(layer.collapsed)} of the weights of ${layer.name}`).join(', ');
  return {
    code: 'collapsed',
    message: `${names} have collapsed to the prior: there the KL outweighs the data — use a smaller network or more rows, or try another prior.sigma or klWeighting: warmup`,
  };
}

function underfit({ all }: ModelDiagnostics, { nll, baselineNll }: Fit): DiagnosticWarning | null {
  if (!(nll > baselineNll - NO_GAIN_NATS)) return null;
  const share = all.klShare === null ? '' : ` while the KL is ${percent(all.klShare)} of −ELBO`;
  return {
    code: 'underfit',
    message: `the training rows are fitted no better (nll ${short(nll)}) than by a constant (${short(baselineNll)})${share} — train longer or with another learning rate; if that does not help, use a smaller network or more rows`,
  };
}

function frozenSigma({ all }: ModelDiagnostics): DiagnosticWarning | null {
  const still = 1 - (all.sigmaMoved ?? 1);
  if (still < FROZEN_SHARE) return null;
  return {
    code: 'frozenSigma',
    message: `sigma of ${percent(still)} of the weights is where it started (${short(all.sigma.p50)}): the uncertainty is the initial value, nothing learned — train longer or raise the learning rate`,
  };
}

function pointEstimate({ all }: ModelDiagnostics): DiagnosticWarning | null {
  if (!(all.snr.p50 > POINT_ESTIMATE_DB)) return null;
  return {
    code: 'pointEstimate',
    message: `|mu|/sigma is above ${short(ratioOf(all))} for half of the weights: the posterior is close to a point estimate and its uncertainty close to none — train longer, or start from a larger initialSigma`,
  };
}

/** The median |mu|/sigma, in steps of ten: 20 dB is 100. */
function ratioOf({ snr }: WeightDiagnostics): number {
  let ratio = 1;
  for (let decibels = 10; decibels <= snr.p50; decibels += 10) ratio *= 10;
  return ratio;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
