// Student's t distribution in float64 with the same bits on every engine: density, cdf and quantile for any number of degrees of freedom.
// Relative accuracy is 1e-13 or better, tails included, for df from 0.1 to 1000 (test/math/studentT.test.ts); NaN in gives NaN out.

import { betaFraction } from './betaFraction.ts';
import { exp, log, log1p, normalQuantile } from './float64.ts';

const HALF_LOG_PI = 0.5723649429247001;
/** From here on t² may overflow and df/t² is nothing beside 1. */
const FAR = 1e100;
const MAX_STEPS = 100;

/**
 * log(Γ(x + ½) / Γ(x)) for x > 0: its asymptotic series (Tricomi & Erdélyi 1951) from 16 on, brought there by
 * Γ(x + ½)/Γ(x) = x/(x + ½)·Γ(x + 3/2)/Γ(x + 1). No difference of two large log Γ loses digits.
 */
export function logGammaRatio(x: number): number {
  let factor = 1;
  let y = x;
  for (; y < 16; y++) factor *= y / (y + 0.5);
  const z = 1 / (y * y);
  const series =
    1 / 8 -
    z *
      (1 / 192 -
        z * (1 / 640 - z * (17 / 14336 - z * (31 / 18432 - z * (691 / 180224 - (z * 5461) / 425984)))));
  return 0.5 * log(y) - series / y + log(factor);
}

/** −log of the density at 0: ½·log(df·π) − log(Γ((df + 1)/2) / Γ(df/2)). */
export function studentTLogNormalizer(df: number): number {
  return 0.5 * log(df) + HALF_LOG_PI - logGammaRatio(df / 2);
}

/** log(1 + t²/df), for any t. */
export function logOnePlusSquare(t: number, df: number): number {
  const distance = Math.abs(t);
  return distance > FAR ? 2 * log(distance) - log(df) : log1p((t * t) / df);
}

/** Γ((df + 1)/2) / (sqrt(df·π)·Γ(df/2))·(1 + t²/df)^(−(df + 1)/2). */
export function studentTPdf(t: number, df: number): number {
  return exp(-(0.5 * (df + 1) * logOnePlusSquare(t, df) + studentTLogNormalizer(df)));
}

/** Whether a tail is a fraction of its own; nearer to 0 it is what P(0 < T < t) leaves of ½. */
function isTail(t: number, df: number): boolean {
  return t > FAR || t * t * (df + 2) > 3 * df;
}

/** P(0 < T < t) for 0 ≤ t where isTail does not hold. */
function central(t: number, df: number): number {
  const x = (t * t) / (df + t * t);
  // t·density·(1 + t²/df): x^½·(1 − x)^(df/2)/B(½, df/2), without the parts that cancel.
  const front = t * exp(-(0.5 * (df - 1) * logOnePlusSquare(t, df) + studentTLogNormalizer(df)));
  return (front / (1 + (t * t) / df)) * betaFraction(x, 0.5, df / 2);
}

/** P(T > t) for t ≥ 0. */
function upperTail(t: number, df: number): number {
  if (!isTail(t, df)) return 0.5 - central(t, df);
  if (t === Infinity) return 0;
  const x = t > FAR ? 0 : df / (df + t * t);
  // x^(df/2)·(1 − x)^½/(df/2·B(df/2, ½))/2
  const root = t > FAR ? 1 : t / Math.sqrt(df + t * t);
  const power = exp(-(0.5 * df * logOnePlusSquare(t, df) - logGammaRatio(df / 2) + HALF_LOG_PI));
  return ((power * root) / df) * betaFraction(x, df / 2, 0.5);
}

/** P(T ≤ t), with full relative accuracy in the lower tail. */
export function studentTCdf(t: number, df: number): number {
  if (Number.isNaN(t)) return NaN;
  const distance = Math.abs(t);
  if (!isTail(distance, df)) return t < 0 ? 0.5 - central(distance, df) : 0.5 + central(distance, df);
  const tail = upperTail(distance, df);
  return t < 0 ? tail : 1 - tail;
}

/**
 * The t with studentTCdf(t, df) = p. Newton's method on P(0 < T < t) near ½ and on log P(T > t) as a function of log t in the tails: both are
 * concave, so that it comes from one side and always arrives. ±∞ at p = 1 and 0 and where t overflows, NaN outside [0, 1].
 */
export function studentTQuantile(p: number, df: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
  if (p < 0.5) return -upperQuantile(p, 0.5 - p, df);
  return upperQuantile(1 - p, p - 0.5, df);
}

/** t ≥ 0 with P(T > t) = q, P(0 < T < t) = u = ½ − q. */
function upperQuantile(q: number, u: number, df: number): number {
  if (u === 0) return 0;
  let t = u * exp(studentTLogNormalizer(df));
  for (let i = 0; i < MAX_STEPS && !isTail(t, df); i++) {
    const next = t + (u - central(t, df)) / studentTPdf(t, df);
    if (!(next > t)) return next;
    t = next;
  }
  let s = log(Math.max(t, -normalQuantile(q)));
  const wanted = log(q);
  for (let i = 0; i < MAX_STEPS; i++) {
    t = exp(s);
    if (t === Infinity) return t;
    const tail = upperTail(t, df);
    const move = (log(tail) - wanted) / steepness(t, tail, df);
    s += move;
    if (!(Math.abs(move) > 1e-9)) break;
  }
  t = exp(s);
  const tail = upperTail(t, df);
  return t * (1 + (tail - q) / (tail * steepness(t, tail, df))); // what exp(s) has lost of its digits
}

/** −d log P(T > t) / d log t. */
function steepness(t: number, tail: number, df: number): number {
  return t > FAR ? df : (t * studentTPdf(t, df)) / tail;
}
