// What the tests of the server share: posteriors of every kind, a server on a free port, and a client in a few lines.

import { afterAll } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import type { LikelihoodSpec } from '../../src/core/model.ts';
import type { Posterior } from '../../src/core/posterior.ts';
import { ensembleOf } from '../../src/core/posteriors/ensembleOf.ts';
import { createRuntime } from '../../src/index.ts';
import { createServer, type ServerOptions } from '../../src/serve/index.ts';
import { madeUpPosterior } from '../support/predictionHarness.ts';

export const runtime = createRuntime({ workers: 1, backend: 'wasm' });
afterAll(() => runtime.close());

const GAUSSIAN: LikelihoodSpec = { kind: 'gaussian', scale: 'learned' };

function posteriorOf(
  inputSize: number,
  outputSize: number,
  likelihood: LikelihoodSpec,
  seed = 'made up',
): Posterior {
  const model = build({ inputSize, hiddenSizes: [12], outputSize });
  return madeUpPosterior(model, likelihood, { seed, which: 900 + seed.length });
}

/** The same means without any doubt. */
function pointOf(posterior: Posterior): Posterior {
  const meanOf = ({ mu }: { readonly mu: Float32Array }) => ({ mu, rho: new Float32Array(0) });
  const layers = posterior.layers.map(({ weight, bias }) => ({ weight: meanOf(weight), bias: meanOf(bias) }));
  return { ...posterior, layers, family: { kind: 'point' } };
}

/** One model of each kind that answers differently. */
export const POSTERIORS = {
  curve: {
    ...posteriorOf(3, 1, GAUSSIAN),
    standardization: {
      features: { loc: Float64Array.of(10, -3, 1e6), scale: Float64Array.of(2, 0.1, 1e3) },
      targets: { loc: Float64Array.of(40), scale: Float64Array.of(7) },
    },
  },
  pair: posteriorOf(2, 2, GAUSSIAN),
  kinds: { ...posteriorOf(4, 3, { kind: 'categorical' }), classNames: ['a', 'b, c', 'ü'] },
  flags: posteriorOf(2, 2, { kind: 'bernoulli' }),
  several: ensembleOf([posteriorOf(2, 1, GAUSSIAN, 'one'), posteriorOf(2, 1, GAUSSIAN, 'three')]),
  // Rows of mode marginal had noise by their number then.
  old: { ...posteriorOf(2, 1, GAUSSIAN), kernelEpoch: 2 },
};
/** A posterior that is one network. */
export const POINT = pointOf(posteriorOf(2, 1, GAUSSIAN));
export type ModelName = keyof typeof POSTERIORS;

export const COLUMNS = ['age', 'height', 'weight'];

export interface Running {
  readonly url: string;
  readonly lines: string[];
  close(): Promise<void>;
}

/** A server of all POSTERIORS, or of `options.models`, that is closed after the file's tests. */
export async function start(options: Partial<ServerOptions> = {}): Promise<Running> {
  const lines: string[] = [];
  const server = await createServer({
    models: Object.entries(POSTERIORS).map(([name, posterior]) => ({
      name,
      posterior,
      ...(name === 'curve' ? { featureNames: COLUMNS } : {}),
    })),
    port: 0,
    backend: 'wasm',
    threads: 1,
    cacheBytes: 1 << 20,
    logLevel: 'info',
    log: (line) => lines.push(line),
    ...options,
  });
  afterAll(() => server.close());
  const { url } = await server.listen();
  return { url, lines, close: () => server.close() };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: bodies are what the tests look at
  readonly body: any;
}

export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text) };
}

export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return call(url, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });
}

/** A request for rows as tensor x. */
export function request(rows: readonly (readonly number[])[], more: object = {}) {
  return {
    inputs: [{ name: 'x', shape: [rows.length, rows[0].length], datatype: 'FP64', data: rows }],
    ...more,
  };
}

/** The outputs of an answer by their names. */
export function outputs({
  body,
}: Answer): Record<string, { shape: number[]; datatype: string; data: unknown[] }> {
  if (body.outputs === undefined) throw new Error(`expected outputs, got ${JSON.stringify(body)}`);
  return Object.fromEntries(body.outputs.map((output: { name: string }) => [output.name, output]));
}

/** Rows in the units of a model, told apart by their number. */
export function rowsFor(name: ModelName, count: number, from = 0): number[][] {
  const { inputSize } = POSTERIORS[name].model;
  const features = name === 'curve' ? POSTERIORS.curve.standardization.features : null;
  return Array.from({ length: count }, (_, r) =>
    Array.from({ length: inputSize }, (_, c) => {
      const value = (((from + r) * 37 + c * 11) % 23) / 7 - 1.5;
      return features === null ? value : features.loc[c] + features.scale[c] * value;
    }),
  );
}
