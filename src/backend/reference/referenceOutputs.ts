// Reference kernels at the network's end: losses with their gradients, probabilities with their entropies.
// Plain loops in float32.

import {
  expNonPositive,
  inverseOnePlus,
  log,
  log1pNonNegative,
  log1pUnit,
  relu,
  sigmoidFrom,
  softplus,
  softplusFrom,
} from '../../math/float32.ts';
import { type Kernels, LANES } from '../backend.ts';
import { element, type Views } from './referenceLinear.ts';

const f = Math.fround;
const HALF_LOG_2PI = f(0.918938518);

/** exp(x) for any x. */
function expAny(x: number): number {
  const t = expNonPositive(-Math.abs(x));
  return x <= 0 ? t : f(1 / t);
}

/** log(Γ(n + r)/Γ(r)) − n·log r and ψ(n + r) − ψ(r), by Stirling's series at x = r + 8 and differences that cancel nothing. */
function rising(n: number, r: number, alpha: number): { log: number; psi: number } {
  const x = f(r + 8);
  const a = f(1 / x);
  const aa = f(a * a);
  const b = f(1 / f(n + x));
  const bb = f(b * b);
  const ab = f(b * a);
  const p = f(f(n * a) * b);
  const three = f(f(ab + aa) + bb);
  const fifth = f(f(three * aa) + f(f(ab + bb) * bb));
  const series = f(p * f(f(f(0.0833333358) - f(three * f(0.00277777785))) + f(fifth * f(0.000793650805))));
  const grow = log1pNonNegative(f(n * a));
  const s = f(n + r);
  const four = (v: number, from: number) =>
    f(f(f(f(v + from) * f(v + (from + 1))) * f(v + (from + 2))) * f(v + (from + 3)));
  const ratio = f(log(f(four(r, 0) / four(s, 0))) + log(f(four(r, 4) / four(s, 4))));
  const lift = log1pNonNegative(f(alpha * 8));
  const stirling = f(f(f(f(f(n + x) - 0.5) * grow) - n) - series);
  let psi = 0;
  for (let j = 0; j < 8; j++) psi = f(psi + f(n / f(f(s + j) * f(r + j))));
  const even = f(f(f(bb * bb) + f(bb * aa)) + f(aa * aa));
  const rest = f(f(f(0.0833333358) - f(f(bb + aa) * f(0.00833333377))) + f(even * f(0.0039682542)));
  return {
    log: f(stirling + f(f(n * lift) + ratio)),
    psi: f(f(f(psi + grow) + f(p * 0.5)) + f(f(p * f(b + a)) * rest)),
  };
}

export function outputKernels({ f32, i32 }: Views) {
  /** Data rows in whole panels; `counts` says whether a lane is a row of data. */
  function eachLane(rows: number, use: (lane: number, counts: boolean) => void): void {
    for (let j = 0; j < Math.ceil(rows / LANES) * LANES; j++) use(j, j < rows);
  }

  function maximum(logits: number, stride: number, classes: number, lane: number): number {
    let max = -Infinity;
    for (let k = 0; k < classes; k++) {
      const x = f32[element(logits, stride, k, lane)];
      if (x > max) max = x; // NaN is passed over here and comes out of the sum
    }
    return max;
  }

  return {
    categorical_f32(loss, gradient, logits, labels, classes, stride, rows, scale) {
      eachLane(rows, (j, counts) => {
        const label = counts ? i32[(labels >>> 2) + j] : 0;
        const max = maximum(logits, stride, classes, j);
        const e = new Float32Array(classes);
        let sum = 0;
        let picked = 0;
        for (let k = 0; k < classes; k++) {
          const x = f32[element(logits, stride, k, j)];
          if (k === label) picked = x;
          e[k] = expNonPositive(f(x - max));
          sum = f(sum + e[k]);
        }
        f32[(loss >>> 2) + j] = counts ? log(sum) + f(max - picked) : 0;
        if (!gradient) return;
        const inverse = f(1 / sum);
        for (let k = 0; k < classes; k++) {
          const g = f(f(f(e[k] * inverse) - (k === label ? 1 : 0)) * f(scale));
          f32[element(gradient, stride, k, j)] = counts ? g : 0;
        }
      });
    },

    bernoulli_f32(loss, gradient, logits, targets, outputs, stride, rows, scale) {
      eachLane(rows, (j, counts) => {
        let sum = 0;
        for (let k = 0; k < outputs; k++) {
          const x = f32[element(logits, stride, k, j)];
          const target = f32[element(targets, stride, k, j)];
          const t = expNonPositive(-Math.abs(x));
          sum = f(sum + f(f(relu(x) - f(target * x)) + log1pUnit(t)));
          if (!gradient) continue;
          const g = f(f(sigmoidFrom(x, t, inverseOnePlus(t)) - target) * f(scale));
          f32[element(gradient, stride, k, j)] = counts ? g : 0;
        }
        f32[(loss >>> 2) + j] = counts ? sum : 0;
      });
    },

    poisson_f32(loss, gradient, logRates, targets, outputs, stride, rows, scale) {
      eachLane(rows, (j, counts) => {
        let sum = 0;
        for (let k = 0; k < outputs; k++) {
          const x = f32[element(logRates, stride, k, j)];
          const target = f32[element(targets, stride, k, j)];
          const rate = expAny(x);
          sum = f(sum + f(rate - f(target * x)));
          if (gradient) f32[element(gradient, stride, k, j)] = counts ? f(f(rate - target) * f(scale)) : 0;
        }
        f32[(loss >>> 2) + j] = counts ? sum : 0;
      });
    },

    gaussian_f32(
      loss,
      gradient,
      scaleGradient,
      mean,
      targets,
      inverse,
      logScale,
      outputs,
      stride,
      rows,
      scale,
    ) {
      eachLane(rows, (j, counts) => {
        let sum = 0;
        for (let k = 0; k < outputs; k++) {
          const inv = f32[(inverse >>> 2) + k];
          const z = f(f(f32[element(mean, stride, k, j)] - f32[element(targets, stride, k, j)]) * inv);
          const square = f(z * z);
          sum = f(sum + f(f(square * 0.5) + f(f32[(logScale >>> 2) + k] + HALF_LOG_2PI)));
          if (gradient) f32[element(gradient, stride, k, j)] = counts ? f(z * inv) * f(scale) : 0;
          if (scaleGradient) {
            f32[element(scaleGradient, stride, k, j)] = counts ? f(f(1 - square) * inv) * f(scale) : 0;
          }
        }
        f32[(loss >>> 2) + j] = counts ? sum : 0;
      });
    },

    gaussian_heads_f32(loss, gradient, heads, targets, outputs, stride, rows, floor, scale) {
      eachLane(rows, (j, counts) => {
        let sum = 0;
        for (let k = 0; k < outputs; k++) {
          const raw = f32[element(heads, stride, outputs + k, j)];
          const t = expNonPositive(-Math.abs(raw));
          const own = f(softplusFrom(raw, t) + f(floor));
          const inv = f(1 / own);
          const mean = f32[element(heads, stride, k, j)];
          const z = f(f(mean - f32[element(targets, outputs, k, j)]) * inv);
          const square = f(z * z);
          sum = f(sum + f(f(square * 0.5) + f(log(own) + HALF_LOG_2PI)));
          if (!gradient) continue;
          const g = f(f(f(1 - square) * inv) * sigmoidFrom(raw, t, inverseOnePlus(t)));
          f32[element(gradient, stride, k, j)] = counts ? f(f(z * inv) * f(scale)) : 0;
          f32[element(gradient, stride, outputs + k, j)] = counts ? f(g * f(scale)) : 0;
        }
        f32[(loss >>> 2) + j] = counts ? sum : 0;
      });
    },

    student_t_f32(
      loss,
      gradient,
      scaleGradient,
      mean,
      targets,
      inverse,
      logScale,
      outputs,
      stride,
      rows,
      inverseDf,
      power,
      normalizer,
      scale,
    ) {
      const steepness = f(f(f(power) + f(power)) * f(inverseDf));
      eachLane(rows, (j, counts) => {
        let sum = 0;
        for (let k = 0; k < outputs; k++) {
          const inv = f32[(inverse >>> 2) + k];
          const z = f(f(f32[element(mean, stride, k, j)] - f32[element(targets, stride, k, j)]) * inv);
          const square = f(z * z);
          const q = f(square * f(inverseDf));
          const constant = f(f32[(logScale >>> 2) + k] + f(normalizer));
          sum = f(sum + f(f(log1pNonNegative(q) * f(power)) + constant));
          const r = inverseOnePlus(q);
          if (gradient) {
            const g = f(f(f(z * inv) * f(r * steepness)) * f(scale));
            f32[element(gradient, stride, k, j)] = counts ? g : 0;
          }
          if (scaleGradient) {
            const g = f(f(f(f(1 - square) * r) * inv) * f(scale));
            f32[element(scaleGradient, stride, k, j)] = counts ? g : 0;
          }
        }
        f32[(loss >>> 2) + j] = counts ? sum : 0;
      });
    },

    negative_binomial_f32(
      loss,
      gradient,
      scaleGradient,
      logMeans,
      targets,
      inverse,
      outputs,
      stride,
      rows,
      scale,
    ) {
      eachLane(rows, (j, counts) => {
        let sum = 0;
        for (let k = 0; k < outputs; k++) {
          const y = f32[element(logMeans, stride, k, j)];
          const n = f32[element(targets, stride, k, j)];
          const r = Math.min(Math.max(f32[(inverse >>> 2) + k], 2 ** -20), 2 ** 20);
          const alpha = f(1 / r);
          const mean = expAny(y);
          const u = f(mean * alpha);
          const spread = log1pNonNegative(u);
          const of = rising(n, r, alpha);
          sum = f(sum + f(f(f(f(n + r) * spread) - f(n * y)) - of.log));
          const error = f(f(mean - n) * f(1 / f(u + 1)));
          if (gradient) f32[element(gradient, stride, k, j)] = counts ? f(error * f(scale)) : 0;
          if (scaleGradient) {
            const slope = f(f(f(f(of.psi - spread) * r) + error) * r);
            f32[element(scaleGradient, stride, k, j)] = counts ? f(slope * f(scale)) : 0;
          }
        }
        f32[(loss >>> 2) + j] = counts ? sum : 0;
      });
    },

    softmax_f32(probabilities, entropy, logits, classes, stride, panels) {
      for (let j = 0; j < panels * LANES; j++) {
        const max = maximum(logits, stride, classes, j);
        let sum = 0;
        let moment = 0;
        for (let k = 0; k < classes; k++) {
          // As far down as exp is not 0: there 0·(−Infinity) would be NaN.
          const below = Math.max(f(f32[element(logits, stride, k, j)] - max), -104);
          const e = expNonPositive(below);
          sum = f(sum + e);
          moment = f(moment + f(e * below));
          f32[element(probabilities, stride, k, j)] = e;
        }
        const inverse = f(1 / sum);
        for (let k = 0; k < classes; k++) f32[element(probabilities, stride, k, j)] *= inverse;
        if (entropy) f32[(entropy >>> 2) + j] = log(sum) - f(moment * inverse);
      }
    },

    exp_f32(out, x, rows) {
      for (let i = 0; i < rows * LANES; i++) f32[(out >>> 2) + i] = expAny(f32[(x >>> 2) + i]);
    },

    softplus_f32(out, x, rows, floor) {
      for (let i = 0; i < rows * LANES; i++) f32[(out >>> 2) + i] = softplus(f32[(x >>> 2) + i]) + f(floor);
    },

    sigmoid_f32(probabilities, entropy, logits, rows) {
      for (let i = 0; i < rows * LANES; i++) {
        const x = f32[(logits >>> 2) + i];
        const t = expNonPositive(-Math.abs(x));
        const inverse = inverseOnePlus(t);
        f32[(probabilities >>> 2) + i] = sigmoidFrom(x, t, inverse);
        if (entropy) f32[(entropy >>> 2) + i] = log1pUnit(t) + f(Math.min(Math.abs(x), 104) * f(t * inverse));
      }
    },
  } satisfies Partial<Kernels>;
}
