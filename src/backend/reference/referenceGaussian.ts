// Reference kernels of the Gaussian q over weights: noise, draws, KL and the optimizers' updates. Plain loops
// in float32.

import { expNonPositive, fma, log, softplus, softplusFrom } from '../../math/float32.ts';
import { normal, normalBlock } from '../../random/normal.ts';
import { philox4x32 } from '../../random/philox.ts';
import { type Kernels, LANES, UPDATE_SCALARS } from '../backend.ts';
import { fold, type Views } from './referenceLinear.ts';

const f = Math.fround;
/** log(sinh(s/2)/(s/2)) = s²·P(s²), the highest coefficient first. */
const LOG_SINHC = [5.51146406e-6, -0.000347222231, 0.0416666679].map(f);

/** log(exp(s) − 1) for s ≥ 0. */
function softplusInverse(s: number): number {
  if (s < 1) {
    const square = f(s * s);
    const p = LOG_SINHC.reduce((sum, c) => fma(sum, square, c));
    return f(log(s) + fma(square, p, f(s * 0.5)));
  }
  return f(s + log(f(1 - expNonPositive(-s))));
}

export function gaussianKernels({ f32, i32 }: Views) {
  const four = new Float32Array(4);

  /** Calls `use(i, noise)` for element i = r·16 + l of each row, with noise of address firstRow·16 + i. */
  function eachNormal(
    rows: number,
    key: { key0: number; key1: number },
    step: number,
    draw: number,
    stream: number,
    firstRow: number,
    use: (i: number, noise: number) => void,
  ): void {
    for (let r = 0; r < rows; r += 4) {
      for (let l = 0; l < LANES; l++) {
        normalBlock(four, key, step, draw, stream, ((firstRow + r) / 4) * LANES + l);
        for (let word = 0; word < 4 && r + word < rows; word++) use((r + word) * LANES + l, four[word]);
      }
    }
  }

  /** Gradients of both parameters at element i, the KL's included. */
  function gradients(
    i: number,
    mu: number,
    rho: number,
    gMu: number,
    gRho: number,
    noise: number,
    scalars: number,
  ): { gradMu: number; gradRho: number } {
    const klScale = f32[(scalars >>> 2) + UPDATE_SCALARS.klScale];
    const klPrecision = f32[(scalars >>> 2) + UPDATE_SCALARS.klPrecision];
    const m = f32[(mu >>> 2) + i];
    const r = f32[(rho >>> 2) + i];
    const g = f32[(gMu >>> 2) + i];
    const gSigma = noise ? f(g * f32[(noise >>> 2) + i]) : f32[(gRho >>> 2) + i];
    const t = expNonPositive(-Math.abs(r));
    const sigma = softplusFrom(r, t);
    const ratio = f((r < 0 ? t : 1) / f(f(t + 1) * sigma));
    return {
      gradMu: fma(m, klPrecision, g),
      gradRho: fma(fma(sigma, klPrecision, gSigma), f(ratio * sigma), f(ratio * -klScale)),
    };
  }

  /** Runs `update` on every element of the first `lanes` lanes; the bits of what is not finite afterwards. */
  function updateAll(
    mu: number,
    rho: number,
    rows: number,
    lanes: number,
    update: (i: number) => void,
  ): number {
    let flags = 0;
    for (let r = 0; r < rows; r++) {
      for (let i = r * LANES; i < r * LANES + Math.min(lanes, LANES); i++) {
        update(i);
        if (!Number.isFinite(f32[(mu >>> 2) + i])) flags |= 1;
        if (!Number.isFinite(f32[(rho >>> 2) + i])) flags |= 2;
      }
    }
    return flags;
  }

  /** The same for one kind of parameter: 1 if any is not finite. */
  function stepAll(parameter: number, rows: number, lanes: number, update: (i: number) => void): number {
    return updateAll(parameter, parameter, rows, lanes, update) === 0 ? 0 : 1;
  }

  function adamStep(parameter: number, m: number, v: number, grad: number, scalars: number): void {
    const c = (name: keyof typeof UPDATE_SCALARS) => f32[(scalars >>> 2) + UPDATE_SCALARS[name]];
    f32[m] = fma(f32[m], c('beta1'), f(grad * c('oneMinusBeta1')));
    f32[v] = fma(f32[v], c('beta2'), f(f(grad * grad) * c('oneMinusBeta2')));
    const denominator = fma(f(Math.sqrt(f32[v])), c('vScale'), c('eps'));
    f32[parameter] -= f(f(f32[m] * c('stepSize')) / denominator);
  }

  function sgdStep(parameter: number, m: number, grad: number, scalars: number): void {
    const momentum = f32[(scalars >>> 2) + UPDATE_SCALARS.beta1];
    const stepSize = f32[(scalars >>> 2) + UPDATE_SCALARS.stepSize];
    f32[m] = fma(f32[m], momentum, grad);
    f32[parameter] = fma(f32[m], -stepSize, f32[parameter]);
  }

  return {
    normal_f32(out, rows, key0, key1, step, draw, stream, firstRow) {
      eachNormal(rows, { key0, key1 }, step, draw, stream, firstRow, (i, noise) => {
        f32[(out >>> 2) + i] = noise;
      });
    },

    perturb_f32(w, noiseOut, mu, rho, rows, lanes, key0, key1, step, draw, stream, firstRow) {
      eachNormal(rows, { key0, key1 }, step, draw, stream, firstRow, (i, noise) => {
        if (i % LANES >= lanes) return;
        if (noiseOut) f32[(noiseOut >>> 2) + i] = noise;
        f32[(w >>> 2) + i] = fma(softplus(f32[(rho >>> 2) + i]), noise, f32[(mu >>> 2) + i]);
      });
    },

    mirror_f32(w, opposite, mu, rho, noise, rows) {
      for (let i = 0; i < rows * LANES; i++) {
        f32[(opposite >>> 2) + i] = -f32[(noise >>> 2) + i];
        f32[(w >>> 2) + i] = fma(
          softplus(f32[(rho >>> 2) + i]),
          f32[(opposite >>> 2) + i],
          f32[(mu >>> 2) + i],
        );
      }
    },

    variance_f32(out, rho, rows) {
      for (let i = 0; i < rows * LANES; i++) {
        const sigma = softplus(f32[(rho >>> 2) + i]);
        f32[(out >>> 2) + i] = sigma * sigma;
      }
    },

    marginal_f32(z, mean, variance, units, panels, key0, key1, firstRow, rowStep, width, draw, stream) {
      for (let p = 0; p < panels; p++) {
        for (let u = 0; u < units; u++) {
          for (let l = 0; l < LANES; l++) {
            const row = (firstRow + rowStep * (p * width + (l % width))) >>> 0;
            const drawOf = (draw + Math.floor(l / width)) >>> 0;
            const noise = normal({ key0, key1 }, row, drawOf, stream, u * LANES);
            const i = (p * units + u) * LANES + l;
            const scale = f(Math.sqrt(f32[(variance >>> 2) + i]));
            f32[(z >>> 2) + i] = fma(scale, noise, f32[(mean >>> 2) + i]);
          }
        }
      }
    },

    local_f32(z, slope, mean, variance, units, panels, key0, key1, firstRow, draw, stream) {
      for (let p = 0; p < panels; p++) {
        for (let u = 0; u < units; u++) {
          for (let l = 0; l < LANES; l++) {
            const noise = normal({ key0, key1 }, (firstRow + p * LANES + l) >>> 0, draw, stream, u * LANES);
            const i = (p * units + u) * LANES + l;
            const scale = f(Math.sqrt(f32[(variance >>> 2) + i]));
            f32[(slope >>> 2) + i] = scale > 0 ? noise / f(scale * 2) : 0;
            f32[(z >>> 2) + i] = fma(scale, noise, f32[(mean >>> 2) + i]);
          }
        }
      }
    },

    flip_f32(out, x, rows, key0, key1, step, draw, stream, firstRow) {
      const words = new Uint32Array(4);
      for (let r = 0; r < rows; r++) {
        const row = firstRow + r;
        for (let l = 0; l < LANES; l++) {
          philox4x32([Math.floor(row / 4) * LANES + l, step, draw, stream], [key0, key1], words);
          const i = r * LANES + l;
          i32[(out >>> 2) + i] = i32[(x >>> 2) + i] ^ (words[row % 4] & 0x80000000);
        }
      }
    },

    drop_inputs_f32(
      out,
      x,
      units,
      panels,
      channels,
      key0,
      key1,
      step,
      draw,
      stream,
      firstPanel,
      threshold,
      scale,
    ) {
      const words = new Uint32Array(4);
      for (let p = 0; p < panels; p++) {
        for (let u = 0; u < units; u++) {
          const row = (firstPanel + p) * channels + (u % channels);
          for (let l = 0; l < LANES; l++) {
            philox4x32([Math.floor(row / 4) * LANES + l, step, draw, stream], [key0, key1], words);
            const i = (p * units + u) * LANES + l;
            f32[(out >>> 2) + i] = words[row % 4] < threshold >>> 0 ? 0 : f32[(x >>> 2) + i] * f(scale);
          }
        }
      }
    },

    drop_weights_f32(out, w, rows, panels, channels, key0, key1, draw, stream, threshold, scale) {
      const words = new Uint32Array(4);
      for (let r = 0; r < rows; r++) {
        const c = r === 0 ? 0 : (r - 1) % channels;
        philox4x32([Math.floor(c / 64) * LANES + (c % LANES), 0, draw, stream], [key0, key1], words);
        const drops = r > 0 && words[(c >>> 4) & 3] < threshold >>> 0;
        const factor = r === 0 ? 1 : f(scale);
        for (let p = 0; p < panels; p++) {
          for (let l = 0; l < LANES; l++) {
            const i = (p * rows + r) * LANES + l;
            f32[(out >>> 2) + i] = drops ? 0 : f32[(w >>> 2) + i] * factor;
          }
        }
      }
    },

    sigma_gradient_f32(out, gVariance, rho, rows) {
      for (let i = 0; i < rows * LANES; i++)
        f32[(out >>> 2) + i] = f32[(gVariance >>> 2) + i] * f(softplus(f32[(rho >>> 2) + i]) * 2);
    },

    kl_f32(out, mu, rho, rows, lanes, logPriorSigma, halfPriorPrecision) {
      const sums = new Float32Array(LANES);
      for (let r = 0; r < rows; r++) {
        for (let l = 0; l < Math.min(lanes, LANES); l++) {
          const m = f32[(mu >>> 2) + r * LANES + l];
          const sigma = softplus(f32[(rho >>> 2) + r * LANES + l]);
          const excess = fma(fma(sigma, sigma, f(m * m)), f(halfPriorPrecision), -0.5);
          sums[l] += f(f(f(logPriorSigma) - log(sigma)) + excess);
        }
      }
      f32[out >>> 2] = fold(sums);
    },

    squares_f32(out, x, rows, lanes) {
      const sums = new Float32Array(LANES);
      for (let r = 0; r < rows; r++) {
        for (let l = 0; l < Math.min(lanes, LANES); l++) {
          const value = f32[(x >>> 2) + r * LANES + l];
          sums[l] += f(value * value);
        }
      }
      f32[out >>> 2] = fold(sums);
    },

    decay_f32(parameter, rows, scalars) {
      const keep = f32[(scalars >>> 2) + UPDATE_SCALARS.keep];
      for (let i = 0; i < rows * LANES; i++) f32[(parameter >>> 2) + i] *= keep;
    },

    adam_f32(mu, rho, mMu, vMu, mRho, vRho, gMu, gRho, noise, rows, lanes, scalars) {
      return updateAll(mu, rho, rows, lanes, (i) => {
        const { gradMu, gradRho } = gradients(i, mu, rho, gMu, gRho, noise, scalars);
        adamStep((mu >>> 2) + i, (mMu >>> 2) + i, (vMu >>> 2) + i, gradMu, scalars);
        adamStep((rho >>> 2) + i, (mRho >>> 2) + i, (vRho >>> 2) + i, gradRho, scalars);
      });
    },

    sgd_f32(mu, rho, mMu, mRho, gMu, gRho, noise, rows, lanes, scalars) {
      return updateAll(mu, rho, rows, lanes, (i) => {
        const { gradMu, gradRho } = gradients(i, mu, rho, gMu, gRho, noise, scalars);
        sgdStep((mu >>> 2) + i, (mMu >>> 2) + i, gradMu, scalars);
        sgdStep((rho >>> 2) + i, (mRho >>> 2) + i, gradRho, scalars);
      });
    },

    ivon_f32(mu, rho, g, h, gMu, gRho, noise, rows, lanes, scalars) {
      const c = (name: keyof typeof UPDATE_SCALARS) => f32[(scalars >>> 2) + UPDATE_SCALARS[name]];
      const delta = c('klPrecision');
      const half = f(f(c('oneMinusBeta2') * c('oneMinusBeta2')) * 0.5);
      return updateAll(mu, rho, rows, lanes, (i) => {
        const m = f32[(mu >>> 2) + i];
        const grad = f32[(gMu >>> 2) + i];
        const gSigma = noise ? f(grad * f32[(noise >>> 2) + i]) : f32[(gRho >>> 2) + i];
        const sigma = softplus(f32[(rho >>> 2) + i]);
        const curvature = f(gSigma / sigma);
        const before = c('eps') !== 0 ? f(f(c('klScale') / f(sigma * sigma)) - delta) : f32[(h >>> 2) + i];
        const apart = f(before - curvature);
        const correction = f(f(f(apart * apart) / f(before + delta)) * half);
        const next = f(fma(before, c('beta2'), f(curvature * c('oneMinusBeta2'))) + correction);
        const precision = f(next + delta);
        const mean = fma(f32[(g >>> 2) + i], c('beta1'), f(grad * c('oneMinusBeta1')));
        const step = f(fma(m, delta, f(mean * c('vScale'))) * c('stepSize'));
        f32[(mu >>> 2) + i] = m - f(step / precision);
        f32[(rho >>> 2) + i] = softplusInverse(f(Math.sqrt(f(c('klScale') / precision))));
        f32[(g >>> 2) + i] = mean;
        f32[(h >>> 2) + i] = next;
      });
    },

    kl_gradient_f32(outMu, outRho, mu, rho, gMu, gSigma, noise, rows, scalars) {
      for (let i = 0; i < rows * LANES; i++) {
        const { gradMu, gradRho } = gradients(i, mu, rho, gMu, gSigma, noise, scalars);
        f32[(outMu >>> 2) + i] = gradMu;
        f32[(outRho >>> 2) + i] = gradRho;
      }
    },

    adam_step_f32(parameter, m, v, gradient, rows, lanes, scalars) {
      return stepAll(parameter, rows, lanes, (i) =>
        adamStep((parameter >>> 2) + i, (m >>> 2) + i, (v >>> 2) + i, f32[(gradient >>> 2) + i], scalars),
      );
    },

    sgd_step_f32(parameter, m, gradient, rows, lanes, scalars) {
      return stepAll(parameter, rows, lanes, (i) =>
        sgdStep((parameter >>> 2) + i, (m >>> 2) + i, f32[(gradient >>> 2) + i], scalars),
      );
    },
  } satisfies Partial<Kernels>;
}
