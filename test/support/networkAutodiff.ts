// Gradients of the objective of one training step by an independent autodiff: the network of a model, layer by layer, as a
// graph of TensorFlow.js, with the draws' noise as given numbers. Gaussian likelihood of a fixed scale.

import * as tf from '@tensorflow/tfjs';
import type { Activation } from '../../src/backend/backend.ts';
import type { LayerSpec, Model } from '../../src/core/model.ts';
import { parameterLayout } from '../../src/core/parameters.ts';
import type { TwinBatch, TwinTensors } from '../reference/negativeElbo.ts';

const ACTIVATE: Record<Activation, (x: tf.Tensor) => tf.Tensor> = {
  identity: (x) => x,
  relu: (x) => tf.relu(x),
  tanh: (x) => tf.tanh(x),
  sigmoid: (x) => tf.sigmoid(x),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2)))),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
};

/** z of a layer from its inputs [rows, units] and, where it has weights, w [weightShape] and b [O]. */
export type LayerGraph = (
  spec: LayerSpec,
  x: readonly tf.Tensor2D[],
  w: tf.Tensor,
  b: tf.Tensor,
) => tf.Tensor2D;

const GRAPHS: Record<string, LayerGraph> = {
  dense: (_, [x], w, b) => tf.add(tf.matMul(x, w as tf.Tensor2D), b) as tf.Tensor2D,
  add: (_, x) => tf.addN([...x]) as tf.Tensor2D,
};

/** A further kind of layer, for its own test. */
export function defineLayerGraph(kind: string, graph: LayerGraph): void {
  GRAPHS[kind] = graph;
}

/** q of the layers of a model; layers without weights have empty tensors. */
export interface LayerParameters {
  readonly mu: TwinTensors;
  readonly rho: TwinTensors;
}

/** A layer with weights in one draw, as an estimator sees it. */
export interface MapGraph {
  readonly layer: number;
  readonly draw: number;
  readonly x: tf.Tensor2D;
  /** The linear map by any weights and biases. */
  readonly map: (x: tf.Tensor2D, w: tf.Tensor, b: tf.Tensor) => tf.Tensor2D;
  readonly mu: { readonly weight: tf.Tensor; readonly bias: tf.Tensor };
  readonly sigma: { readonly weight: tf.Tensor; readonly bias: tf.Tensor };
  /** Of the weights. */
  readonly noise: { readonly weight: tf.Tensor; readonly bias: tf.Tensor };
}

/** One training step as a graph. */
export interface StepGraph {
  readonly model: Model;
  readonly batch: TwinBatch;
  /** noise[draw][layer] */
  readonly noise: ReadonlyArray<readonly TwinTensors[]>;
  readonly scale: number;
  /** Nats of a layer's weights that a prior adds, from their draws or moments; times klScale / draws or klScale in the objective. */
  readonly klScale: number;
  /** z of a layer with weights, by default its map of the drawn weights. */
  readonly estimate?: ((at: MapGraph) => tf.Tensor2D) | undefined;
  /** KL of one tensor as a scalar, by default that of N(0, priorSigma²). */
  readonly kl?: (mu: tf.Tensor, sigma: tf.Tensor, w: readonly tf.Tensor[], layer: number) => tf.Scalar;
}

function gaussianKl(priorSigma: number) {
  return (mu: tf.Tensor, sigma: tf.Tensor): tf.Scalar =>
    tf.sum(
      tf.sub(
        tf.add(
          tf.log(tf.div(priorSigma, sigma)),
          tf.div(tf.add(tf.square(sigma), tf.square(mu)), 2 * priorSigma ** 2),
        ),
        0.5,
      ),
    );
}

/** d(objective)/d(mu, rho) of every layer: mean loss over rows and draws, + klScale·KL. */
export function autodiffStep(graph: StepGraph, layers: readonly LayerParameters[]): LayerParameters[] {
  const { model, batch, noise, scale, klScale } = graph;
  const shapes = parameterLayout(model).layers.map(({ weightShape, O }) => ({
    weight: [...weightShape],
    bias: [O],
  }));
  const kl = graph.kl ?? gaussianKl((model.prior as { sigma: number }).sigma);
  const variables: tf.Variable[] = [];
  const variable = (data: Float64Array, shape: number[]) => {
    const made = tf.variable(tf.tensor(Float32Array.from(data), shape));
    variables.push(made);
    return made;
  };
  const q = layers.map(({ mu, rho }, l) => ({
    weight: { mu: variable(mu.weight, shapes[l].weight), rho: variable(rho.weight, shapes[l].weight) },
    bias: { mu: variable(mu.bias, shapes[l].bias), rho: variable(rho.bias, shapes[l].bias) },
  }));
  const parts = ['weight', 'bias'] as const;
  const x = tf.tensor2d(Float32Array.from(batch.x), [batch.rows, model.inputSize]);
  const y = tf.tensor2d(Float32Array.from(batch.y), [batch.rows, model.outputSize]);
  const objective = (): tf.Scalar => {
    const drawn = q.map(() => ({ weight: [] as tf.Tensor[], bias: [] as tf.Tensor[] }));
    let total: tf.Tensor = tf.scalar(0);
    for (const [s, draw] of noise.entries()) {
      const outputs: tf.Tensor2D[] = [];
      for (const [l, spec] of model.layers.entries()) {
        const inputs = (spec.inputs ?? [l - 1]).map((i) => (i < 0 ? x : outputs[i]));
        for (const part of parts) {
          const { mu, rho } = q[l][part];
          const eps = tf.tensor(Float32Array.from(draw[l][part]), mu.shape);
          drawn[l][part].push(tf.add(mu, tf.mul(tf.softplus(rho), eps)));
        }
        const [w, b] = parts.map((part) => drawn[l][part][drawn[l][part].length - 1]);
        const graphOf = GRAPHS[spec.kind ?? 'dense'];
        const [weight, bias] = parts.map((part) => q[l][part]);
        const of = (f: (part: { mu: tf.Tensor; rho: tf.Tensor }, data: Float64Array) => tf.Tensor) => ({
          weight: f(weight, draw[l].weight),
          bias: f(bias, draw[l].bias),
        });
        const z =
          graph.estimate === undefined || weight.mu.size === 0
            ? graphOf(spec, inputs, w, b)
            : graph.estimate({
                layer: l,
                draw: s,
                x: inputs[0],
                map: (x, w, b) => graphOf(spec, [x], w, b),
                mu: of(({ mu }) => mu),
                sigma: of(({ rho }) => tf.softplus(rho)),
                noise: of(({ mu }, data) => tf.tensor(Float32Array.from(data), mu.shape)),
              });
        outputs.push(ACTIVATE[spec.activation](z) as tf.Tensor2D);
      }
      const error = tf.div(tf.sub(outputs[outputs.length - 1], y), scale);
      total = tf.add(total, tf.div(tf.sum(tf.mul(0.5, tf.square(error))), batch.rows * noise.length));
    }
    for (const [l, layer] of q.entries()) {
      for (const part of parts) {
        const { mu, rho } = layer[part];
        if (mu.size === 0) continue;
        total = tf.add(total, tf.mul(klScale, kl(mu, tf.softplus(rho), drawn[l][part], l)));
      }
    }
    return total as tf.Scalar;
  };
  const trained = variables.filter(({ size }) => size > 0);
  const { grads } = tf.variableGrads(objective, trained);
  // What the objective does not depend on has no gradient.
  const of = (v: tf.Variable) => Float64Array.from(grads[v.name]?.dataSync() ?? new Float64Array(v.size));
  const found = q.map(({ weight, bias }) => ({
    mu: { weight: of(weight.mu), bias: of(bias.mu) },
    rho: { weight: of(weight.rho), bias: of(bias.rho) },
  }));
  for (const v of variables) v.dispose();
  return found;
}
