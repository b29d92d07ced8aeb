// Gradients of every parameter with the noise held fixed: what a worker's step computes (read from the SGD moments, which with
// momentum 0 are the gradient) against central differences of a float64 twin, and against tfjs autodiff.

import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { ACTIVATIONS, type Activation } from '../../src/backend/backend.ts';
import { referenceFactory } from '../../src/backend/reference/reference.ts';
import type { KlWeightingSpec } from '../../src/core/klWeightings/index.ts';
import { createLikelihood } from '../../src/core/likelihoods/index.ts';
import type { LikelihoodSpec, Model } from '../../src/core/model.ts';
import { batchRows, type TrainingProblem } from '../../src/core/training/problem.ts';
import { wasmFactory } from '../../src/platform/node/backends.ts';
import {
  centralDifferences,
  negativeElbo,
  type TwinBatch,
  type TwinProblem,
  type TwinTensors,
  tLogNormalizer,
} from '../reference/negativeElbo.ts';
import { layerNoise, TrainingHarness, testNormals, twinBatch } from '../support/trainingHarness.ts';

interface Case {
  readonly activations: readonly Activation[];
  readonly likelihood: LikelihoodSpec;
  readonly widths: readonly number[]; // inputs, hidden, outputs
  readonly draws: number;
  readonly batchSize: number;
  readonly rowCount: number;
  /** The step looked at; with rowCount no multiple of batchSize the last of an epoch is a partial batch. */
  readonly step: number;
  readonly klWeighting: KlWeightingSpec;
  readonly priorSigma: number;
}

const LIKELIHOODS: ReadonlyArray<{ likelihood: LikelihoodSpec; K: number }> = [
  { likelihood: { kind: 'categorical' }, K: 4 },
  { likelihood: { kind: 'categorical' }, K: 17 },
  { likelihood: { kind: 'bernoulli' }, K: 1 },
  { likelihood: { kind: 'bernoulli' }, K: 3 },
  { likelihood: { kind: 'gaussian', scale: 0.7 }, K: 1 },
  { likelihood: { kind: 'gaussian', scale: 0.7 }, K: 2 },
  { likelihood: { kind: 'gaussian', scale: 'learned' }, K: 1 },
  { likelihood: { kind: 'gaussian', scale: 'learned' }, K: 2 },
  { likelihood: { kind: 'poisson' }, K: 2 },
  { likelihood: { kind: 'negativeBinomial', dispersion: 0.7 }, K: 2 },
  { likelihood: { kind: 'negativeBinomial', dispersion: 'learned' }, K: 2 },
  { likelihood: { kind: 'heteroscedastic' }, K: 2 },
  { likelihood: { kind: 'heteroscedastic' }, K: 6 },
  { likelihood: { kind: 'studentT', df: 1.5, scale: 0.7 }, K: 2 },
  { likelihood: { kind: 'studentT', df: 4, scale: 'learned' }, K: 1 },
  { likelihood: { kind: 'studentT', df: 30, scale: 'learned' }, K: 2 },
];
/** Ragged and full panels of 16, on both sides of a panel's edge. */
const SHAPES = [
  { batchSize: 5, hidden: [17, 3] },
  { batchSize: 16, hidden: [3, 16] },
  { batchSize: 21, hidden: [33] },
  { batchSize: 21, hidden: [1, 17] },
  { batchSize: 5, hidden: [16, 33] },
];

const CASES: Case[] = ACTIVATIONS.flatMap((activation, a) =>
  LIKELIHOODS.flatMap(({ likelihood, K }, l) => {
    const { batchSize, hidden } = SHAPES[(a + l) % SHAPES.length];
    return [1, 3].map((draws): Case => {
      const blundell = (a + l + draws) % 4 < 2;
      return {
        activations: [...hidden.map(() => activation), 'identity'],
        likelihood,
        widths: [3, ...hidden, K],
        draws,
        batchSize,
        rowCount: 3 * batchSize - 2,
        step: draws === 3 ? 2 : 0,
        klWeighting: blundell ? 'blundell' : { kind: 'warmup', epochs: 2 },
        priorSigma: blundell ? 0.6 : 1.7,
      };
    });
  }),
);
// An activation on the last layer, and a single layer (no hidden one).
CASES.push(
  { ...CASES[3], activations: ['relu', 'relu', 'tanh'].slice(-CASES[3].widths.length + 1) as Activation[] },
  {
    ...CASES[0],
    activations: ['silu'],
    widths: [33, 2],
    likelihood: { kind: 'gaussian', scale: 'learned' },
    draws: 3,
  },
);

function describeCase(c: Case): string {
  const scale = createLikelihood(c.likelihood).scale;
  const options = scale === null ? '' : ` scale ${scale}`;
  const df = 'df' in c.likelihood ? ` df ${c.likelihood.df}` : '';
  return `${c.activations.join('/')} ${c.likelihood.kind}${df}${options}, ${c.widths.join('-')}, S ${c.draws}, B ${c.batchSize} of ${c.rowCount}, step ${c.step}`;
}

function problemOf(c: Case): TrainingProblem {
  const layers = c.activations.map((activation, l) => ({
    name: `layer${l}`,
    inputSize: c.widths[l],
    outputSize: c.widths[l + 1],
    activation,
  }));
  const model: Model = {
    inputSize: c.widths[0],
    outputSize: c.widths[c.widths.length - 1],
    layers,
    prior: { kind: 'gaussian', sigma: c.priorSigma },
  };
  return {
    model,
    likelihood: c.likelihood,
    rowCount: c.rowCount,
    batchSize: c.batchSize,
    draws: c.draws,
    epochs: 4,
    optimizer: { kind: 'sgd', learningRate: 0.25, momentum: 0 },
    schedule: { kind: 'constant' },
    klWeighting: c.klWeighting,
    seed: `gradients ${c.widths.join('-')}`,
  };
}

/** Rows of x, and targets the likelihood can have. */
function dataOf(c: Case): { x: Float32Array; y: Float32Array } {
  const { kind } = c.likelihood;
  const K = c.widths[c.widths.length - 1] / (kind === 'heteroscedastic' ? 2 : 1);
  const x = testNormals(c.rowCount * c.widths[0], 1);
  const y = testNormals(c.rowCount * (kind === 'categorical' ? 1 : K), 2).map((value) => {
    if (kind === 'categorical') return Math.floor(Math.abs(value) * 1000) % K;
    if (kind === 'poisson' || kind === 'negativeBinomial') return Math.floor(Math.abs(value) * 4);
    return kind === 'bernoulli' ? (value > 0 ? 1 : 0) : value;
  });
  return { x, y };
}

/** klWeight by its definition, for 3 minibatches an epoch. */
function klWeightOf(c: Case): number {
  if (c.klWeighting === 'blundell') return (3 * 2 ** (3 - (c.step + 1))) / (2 ** 3 - 1);
  return Math.min(1, (c.step + 1) / (2 * 3));
}

interface Gradients {
  readonly layers: ReadonlyArray<{ mu: TwinTensors; rho: TwinTensors }>;
  readonly rawScale: Float64Array | null;
}

interface Scene {
  readonly problem: TrainingProblem;
  readonly twin: TwinProblem;
  readonly batch: TwinBatch;
  /** noise[draw][layer] */
  readonly noise: TwinTensors[][];
  readonly loss: number;
  readonly got: Gradients;
  readonly harness: TrainingHarness;
}

let compiled: unknown;
beforeAll(async () => {
  compiled = await wasmFactory.compile();
  await tf.setBackend('cpu');
});

/** Puts random q parameters in the arena and runs the step under test. */
function play(c: Case, backend: 'wasm' | 'reference' = 'wasm'): Scene {
  const problem = problemOf(c);
  const { x, y } = dataOf(c);
  const harness = new TrainingHarness(
    problem,
    backend === 'wasm' ? wasmFactory : referenceFactory,
    backend === 'wasm' ? compiled : null,
    x,
    y,
  );
  // sigma from .01 to .9: large enough for gradients of rho to matter, and through both branches of softplus.
  const layers = problem.model.layers.map(({ inputSize: I, outputSize: O, activation }, l) => {
    const f64 = (count: number, which: number, map: (n: number) => number) =>
      Float64Array.from(testNormals(count, which), (n) => Math.fround(map(n)));
    return {
      I,
      O,
      activation,
      mu: {
        weight: f64(I * O, 10 * l + 3, (n) => n / Math.sqrt(I)),
        bias: f64(O, 10 * l + 4, (n) => 0.3 * n),
      },
      rho: {
        weight: f64(I * O, 10 * l + 5, (n) => -2 + 0.8 * n),
        bias: f64(O, 10 * l + 6, (n) => -2 + 0.8 * n),
      },
    };
  });
  for (const [l, layer] of layers.entries()) {
    harness.put(harness.memory.mu, l, layer.mu);
    harness.put(harness.memory.rho, l, layer.rho);
  }
  const K = problem.model.outputSize;
  const { scale } = createLikelihood(problem.likelihood);
  const learned = scale === 'learned';
  const rawScale = learned ? Float64Array.from({ length: K }, (_, k) => 0.3 - 0.9 * k) : null;
  if (rawScale !== null) {
    for (let k = 0; k < K; k++) harness.point(k)[0] = rawScale[k];
    harness.step.noiseScale.publish();
  }
  harness.run(c.step, c.step + 1);
  const [mMu, mRho] = harness.memory.moments;
  const noise = Array.from({ length: c.draws }, (_, s) =>
    layers.map((_, l) => layerNoise(problem, c.step, s, l)),
  );
  return {
    problem,
    harness,
    noise,
    twin: {
      layers,
      likelihood: problem.likelihood.kind,
      df: 'df' in problem.likelihood ? problem.likelihood.df : null,
      scale: typeof scale === 'number' ? new Float64Array(K).fill(scale) : null,
      rawScale,
      priorSigma: c.priorSigma,
      klWeight: klWeightOf(c),
      rowCount: c.rowCount,
    },
    batch: twinBatch(problem, x, y, c.step),
    loss: harness.loss(c.step),
    got: {
      layers: layers.map((_, l) => ({ mu: harness.get(mMu, l), rho: harness.get(mRho, l) })),
      rawScale: learned ? Float64Array.from({ length: K }, (_, k) => harness.point(k)[1]) : null,
    },
  };
}

const PARTS = ['weight', 'bias'] as const;

/** Largest |got − want| in units of (0.1 + the tensor's largest |want|), over all tensors, with its place. */
function worst(got: Gradients, want: Gradients): { error: number; place: string } {
  let result = { error: 0, place: 'nowhere' };
  const look = (place: string, a: Float64Array, b: Float64Array) => {
    expect(a.length, place).toBe(b.length);
    const size = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    a.forEach((value, i) => {
      const error = Math.abs(value - b[i]) / (0.1 + size);
      if (!(error <= result.error)) result = { error, place: `${place}[${i}]: got ${value}, want ${b[i]}` };
    });
  };
  for (const [l, layer] of want.layers.entries()) {
    for (const part of PARTS) {
      look(`layers.${l}.${part}.mu`, got.layers[l].mu[part], layer.mu[part]);
      look(`layers.${l}.${part}.rho`, got.layers[l].rho[part], layer.rho[part]);
    }
  }
  if (want.rawScale !== null) look('likelihood.scale', got.rawScale!, want.rawScale);
  return result;
}

function differences({ twin, batch, noise }: Scene): Gradients {
  const f = () => negativeElbo(twin, batch, noise).objective;
  // With h = 1e-6 the truncation error is of the order h² = 1e-12, and rounding of f about 1e-16·|f|/h = 1e-10·|f|.
  const d = (x: Float64Array) => centralDifferences(f, x, 1e-6);
  return {
    layers: twin.layers.map(({ mu, rho }) => ({
      mu: { weight: d(mu.weight), bias: d(mu.bias) },
      rho: { weight: d(rho.weight), bias: d(rho.bias) },
    })),
    rawScale: twin.rawScale === null ? null : d(twin.rawScale),
  };
}

const TF_ACTIVATION: Record<Activation, (x: tf.Tensor2D) => tf.Tensor2D> = {
  identity: (x) => x,
  relu: (x) => tf.relu(x),
  tanh: (x) => tf.tanh(x),
  sigmoid: (x) => tf.sigmoid(x),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2)))),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
};

/** The same objective as a tfjs graph, differentiated by tfjs. */
function autodiff({ twin, batch, noise }: Scene): Gradients & { objective: number } {
  const run = () => {
    const variables: tf.Variable[] = [];
    const variable = (data: Float64Array, shape: number[]) => {
      const made = tf.variable(tf.tensor(Float32Array.from(data), shape));
      variables.push(made);
      return made;
    };
    const q = twin.layers.map(({ I, O, mu, rho }) => ({
      weight: { mu: variable(mu.weight, [I, O]), rho: variable(rho.weight, [I, O]) },
      bias: { mu: variable(mu.bias, [O]), rho: variable(rho.bias, [O]) },
    }));
    const raw = twin.rawScale === null ? null : variable(twin.rawScale, [twin.rawScale.length]);
    const x = tf.tensor2d(Float32Array.from(batch.x), [batch.rows, twin.layers[0].I]);
    const K = twin.layers[twin.layers.length - 1].O;
    const p = twin.priorSigma;
    const objective = () => {
      let total: tf.Scalar = tf.scalar(0);
      for (const draw of noise) {
        let y: tf.Tensor2D = x;
        for (const [l, layer] of q.entries()) {
          const w = PARTS.map((part) =>
            tf.add(
              layer[part].mu,
              tf.mul(
                tf.softplus(layer[part].rho),
                tf.tensor(Float32Array.from(draw[l][part]), layer[part].mu.shape),
              ),
            ),
          );
          y = TF_ACTIVATION[twin.layers[l].activation](tf.add(tf.matMul(y, w[0] as tf.Tensor2D), w[1]));
        }
        let loss: tf.Tensor;
        if (twin.likelihood === 'categorical') {
          const onehot = tf.oneHot(tf.tensor1d(Int32Array.from(batch.y), 'int32'), K);
          loss = tf.sub(tf.logSumExp(y, 1), tf.sum(tf.mul(onehot, y), 1));
        } else {
          const columns = twin.likelihood === 'heteroscedastic' ? K / 2 : K;
          const targets = tf.tensor2d(Float32Array.from(batch.y), [batch.rows, columns]);
          if (twin.likelihood === 'heteroscedastic') {
            const [mean, raw] = tf.split(y, 2, 1);
            const scale = tf.add(tf.softplus(raw), 2 ** -20);
            const square = tf.square(tf.div(tf.sub(targets, mean), scale));
            loss = tf.add(tf.add(tf.mul(0.5, square), tf.log(scale)), 0.5 * Math.log(2 * Math.PI));
          } else if (twin.likelihood === 'bernoulli') {
            loss = tf.sub(tf.softplus(y), tf.mul(targets, y));
          } else if (twin.likelihood === 'negativeBinomial') {
            const dispersion = raw === null ? tf.tensor1d(Float32Array.from(twin.scale!)) : tf.softplus(raw);
            const spread = tf.log1p(tf.mul(dispersion, tf.exp(y)));
            loss = tf.sub(tf.mul(tf.add(targets, tf.div(1, dispersion)), spread), tf.mul(targets, y));
            // Σ_{n<target} log(1 + dispersion·n), the sum taken by a mask over n.
            const most = batch.y.reduce((a, b) => Math.max(a, b), 1);
            for (let n = 0; n < most; n++) {
              const counts = tf.cast(tf.greater(targets, n), 'float32');
              loss = tf.sub(loss, tf.mul(counts, tf.log1p(tf.mul(dispersion, n))));
            }
          } else if (twin.likelihood === 'poisson') {
            loss = tf.sub(tf.exp(y), tf.mul(targets, y));
          } else {
            const scale =
              raw === null ? tf.tensor1d(Float32Array.from(twin.scale!)) : (tf.softplus(raw) as tf.Tensor1D);
            const z = tf.div(tf.sub(targets, y), scale);
            const { df } = twin;
            const energy =
              df === null
                ? tf.mul(0.5, tf.square(z))
                : tf.mul((df + 1) / 2, tf.log1p(tf.div(tf.square(z), df)));
            const constant = df === null ? 0.5 * Math.log(2 * Math.PI) : tLogNormalizer(df);
            loss = tf.add(tf.add(energy, tf.log(scale)), tf.scalar(constant));
          }
        }
        total = tf.add(total, tf.sum(loss));
      }
      let kl: tf.Scalar = tf.scalar(0);
      for (const layer of q) {
        for (const part of PARTS) {
          const sigma = tf.softplus(layer[part].rho);
          const quadratic = tf.div(tf.add(tf.square(sigma), tf.square(layer[part].mu)), 2 * p * p);
          const each = tf.add(tf.sub(Math.log(p), tf.log(sigma)), tf.sub(quadratic, 0.5));
          kl = tf.add(kl, tf.sum(each));
        }
      }
      const scale = twin.klWeight / twin.rowCount;
      return tf.add(tf.div(total, batch.rows * noise.length), tf.mul(scale, kl)) as tf.Scalar;
    };
    const { value, grads } = tf.variableGrads(objective, variables);
    const read = (v: tf.Variable) => Float64Array.from(grads[v.name].dataSync());
    return {
      objective: value.dataSync()[0],
      layers: q.map(({ weight, bias }) => ({
        mu: { weight: read(weight.mu), bias: read(bias.mu) },
        rho: { weight: read(weight.rho), bias: read(bias.rho) },
      })),
      rawScale: raw === null ? null : read(raw),
    };
  };
  tf.engine().startScope();
  try {
    return run();
  } finally {
    tf.engine().endScope();
  }
}

// float32 has a relative precision of 6e-8. A gradient is a sum of up to 63 rows × draws of chains of up to 34 products, so some thirty
// units in its last place, in the size of the tensor's largest entry, are its rounding (1.6e-6 is the most seen here); every
// mistake in a formula is 1e-2 or more. tfjs rounds to float32 as well and its erf (gelu) is good to 5e-7 only.
const LOSS_TOLERANCE = 2e-7;
const GRADIENT_TOLERANCE = 2e-6;
const AUTODIFF_TOLERANCE = 3e-6;

describe.each(CASES.map((c) => ({ name: describeCase(c), c })))('$name', ({ c }) => {
  test('gradients equal central differences and tfjs autodiff, the loss equals the twin', () => {
    const scene = play(c);
    const { nll, objective } = negativeElbo(scene.twin, scene.batch, scene.noise);
    expect(scene.batch.rows).toBe(batchRows(scene.problem, c.step));
    // An exponential carries an error of the output over, times the rate, and an output that is a scale times z²; TensorFlow.js is float32
    // as well, and its erf counts there.
    const factor = { poisson: 5, negativeBinomial: 5, heteroscedastic: 20 } as Readonly<
      Record<string, number>
    >;
    const lossTolerance = (factor[scene.twin.likelihood] ?? 1) * LOSS_TOLERANCE;
    expect(Math.abs(scene.loss - nll) / (1 + Math.abs(nll))).toBeLessThan(lossTolerance);

    const byDifferences = worst(scene.got, differences(scene));
    const tfjs = autodiff(scene);
    const byAutodiff = worst(scene.got, tfjs);
    expect(byDifferences.error, byDifferences.place).toBeLessThan(GRADIENT_TOLERANCE);
    const twice = scene.twin.likelihood === 'heteroscedastic' ? 2 : 1;
    expect(byAutodiff.error, byAutodiff.place).toBeLessThan(twice * AUTODIFF_TOLERANCE);
    expect(Math.abs(tfjs.objective - objective) / (1 + Math.abs(objective))).toBeLessThan(lossTolerance);
  });
});

const SOME = CASES.filter((_, i) => i % 7 === 3);

describe.each(SOME.map((c) => ({ name: describeCase(c), c })))('$name', ({ c }) => {
  test('the reference backend gives the same bits', () => {
    expect(play(c, 'reference').harness.state()).toEqual(play(c).harness.state());
  });

  test('the update is parameter − learningRate·gradient, rounded once for the product and once for the difference', () => {
    const { harness, twin, got } = play(c);
    const f = Math.fround;
    const updated = (from: Float64Array, gradient: Float64Array) =>
      from.map((value, i) => f(value - f(0.25 * gradient[i])));
    for (const [l, { mu, rho }] of twin.layers.entries()) {
      for (const part of PARTS) {
        const after = harness.get(harness.memory.mu, l)[part];
        expect(after).toEqual(updated(mu[part], got.layers[l].mu[part]));
        expect(harness.get(harness.memory.rho, l)[part]).toEqual(updated(rho[part], got.layers[l].rho[part]));
      }
    }
    got.rawScale?.forEach((gradient, k) => {
      expect(harness.point(k)[0]).toBe(twin.rawScale![k] - 0.25 * gradient);
    });
  });

  test('padding is never trained', () => {
    const { harness, twin } = play(c);
    const { mu, rho, moments, layout } = harness.memory;
    const real = twin.layers.reduce((sum, { I, O }) => sum + (I + 1) * O, 0);
    expect(layout.count).toBe(real);
    for (const buffer of [mu, rho, ...moments]) {
      const nonZero = harness.arena.floats(buffer, layout.size).filter((value) => value !== 0).length;
      expect(nonZero).toBeLessThanOrEqual(real);
    }
  });
});
