// Mean distances of noise from a point and from other noise, which the CRPS is made of: closed for the normal, tabulated for other noise.

import { exp, log, normalCdf, normalPdf } from '../../math/float64.ts';
import { type StandardDistribution, standardNormal } from './standardDistribution.ts';

/** Of Z, Z′ independent with a standard distribution. */
export interface NoiseDistances {
  /** E|Z − a| */
  toPoint(a: number): number;
  /** E|Z − Z′ + d| */
  between(d: number): number;
}

function normalDistance(loc: number, scale: number): number {
  const z = loc / scale;
  return 2 * scale * normalPdf(z) + loc * (2 * normalCdf(z) - 1);
}

const NORMAL: NoiseDistances = {
  toPoint: (a) => normalDistance(a, 1),
  between: (d) => normalDistance(d, Math.SQRT2),
};

const known = new WeakMap<StandardDistribution, NoiseDistances>([[standardNormal, NORMAL]]);

/** The distances of a noise; NaN where it has no mean, or hardly one, such as a t with df below 1.05. Relative error below 1e-5. */
export function noiseDistances(noise: StandardDistribution): NoiseDistances {
  const found = known.get(noise);
  if (found !== undefined) return found;
  const made = tabulated(noise);
  known.set(noise, made);
  return made;
}

/** Steps of asinh(8a), in which both a peak at 0 and a straight line far out are smooth. */
const STEP = 1 / 32;
const NODES = 1024;
const FINENESS = 8;

const placeOf = (a: number) => {
  const x = FINENESS * a;
  return log(x + Math.sqrt(x * x + 1)) / STEP;
};
const pointOf = (place: number) => {
  const e = exp(place * STEP);
  return (e - 1 / e) / (2 * FINENESS);
};

/**
 * Both are |a| plus a tail, 2·∫_|a|^∞ P(· > t) dt, and the tail falls smoothly: tabulated and interpolated by cubics. toPoint by the trapezoid rule
 * from far out inwards; between is the mean over Z of toPoint(Z + d).
 */
function tabulated(noise: StandardDistribution): NoiseDistances {
  // In t = pointOf(u), u in steps of a quarter node, out to 1e300.
  const fine = 4;
  const last = Math.floor(placeOf(1e150)) * fine;
  let beyond = 0;
  const tail = new Float64Array(NODES + 2);
  let before = 0;
  for (let i = last; i >= 0; i--) {
    const t = pointOf(i / fine);
    // dt/du = cosh(u)/FINENESS = sqrt(t² + 1/FINENESS²)
    const value = noise.cdf(-t) * Math.sqrt(t * t + 1 / (FINENESS * FINENESS));
    beyond += (value + before) * (STEP / fine);
    before = value;
    if (i % fine === 0 && i / fine < tail.length) tail[i / fine] = beyond;
  }
  // A tail like 1/t or heavier adds as much in every decade: there is no mean.
  const hasMean = noise.cdf(-1e8) * 1e8 < 0.5 * noise.cdf(-1e2) * 1e2;
  const toPoint = (a: number) => (hasMean ? Math.abs(a) + interpolated(tail, Math.abs(a)) : Number.NaN);
  // Z in steps of pointOf again, on both sides.
  const places = Array.from({ length: 2 * NODES * fine + 1 }, (_, i) => pointOf((i - NODES * fine) / fine));
  const weights = places.map(
    (z) => noise.pdf(z) * Math.sqrt(z * z + 1 / (FINENESS * FINENESS)) * (STEP / fine),
  );
  const excess = Float64Array.from(tail, (_, n) => {
    const d = pointOf(n);
    return places.reduce((sum, z, i) => {
      const apart = Math.abs(z + d);
      return sum + weights[i] * (apart + interpolated(tail, apart) - d);
    }, 0);
  });
  const between = (d: number) => (hasMean ? Math.abs(d) + interpolated(excess, Math.abs(d)) : Number.NaN);
  return { toPoint, between };
}

/** Catmull–Rom cubic through the table at pointOf(n); beyond it the tail is nothing beside the distance. */
function interpolated(table: Float64Array, a: number): number {
  const place = placeOf(a);
  const n = Math.floor(place);
  if (n + 2 >= table.length) return 0;
  const t = place - n;
  const [p0, p1, p2, p3] = [table[n === 0 ? 0 : n - 1], table[n], table[n + 1], table[n + 2]];
  const q0 = n === 0 ? 2 * p1 - p2 : p0;
  return p1 + 0.5 * t * (p2 - q0 + t * (2 * q0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - q0)));
}
