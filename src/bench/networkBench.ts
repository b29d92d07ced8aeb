// Samplers of whole training steps and predictive draws, run by the runtime as a user's are.

import { build } from '../core/bayesian.ts';
import type { Model } from '../core/model.ts';
import type { Posterior } from '../core/posterior.ts';
import { createRuntime, type Runtime } from '../node.ts';
import type { TrainingData, TrainOptions } from '../runtime/options.ts';
import { drawWork, type Network, networkName, stepWork } from './networks.ts';
import type { Sampler } from './rounds.ts';

/** Milliseconds of a step by what the workers did: mean over workers. */
export interface StepDetail {
  /** Forward, loss and backward of all tiles. */
  readonly pass: number;
  /** Weight gradients, optimizer, next weights. */
  readonly finish: number;
  /** At barriers, and what happens once an epoch. */
  readonly wait: number;
  /** The whole call by its steps: memory, first weights and messages too. */
  readonly call: number;
  /** Workers that took part: a small network is not worth more than one. */
  readonly team: number;
}

/**
 * A training of fewer steps, or a prediction of fewer draws, is mostly its beginning: the first write to every page of fresh
 * memory, weights brought into panels.
 */
const STEADY_STEPS = 128;
const STEADY_DRAWS = 96;
/** Rows of a prediction. */
export const DRAW_ROWS = 128;

/** Rows without meaning: the numbers do not matter to the time, only that none is special. */
function madeUpData({ sizes }: Network, rows: number): TrainingData {
  const [I, O] = [sizes[0], sizes[sizes.length - 1]];
  const data = Float32Array.from({ length: rows * I }, (_, i) => ((i * 7919) % 256) / 255);
  const y = Float32Array.from({ length: rows }, (_, i) => (O > 1 ? i % O : ((i * 31) % 17) / 17));
  return { x: { data, shape: [rows, I] }, y };
}

function modelOf({ sizes }: Network): Model {
  const [inputSize, outputSize] = [sizes[0], sizes[sizes.length - 1]];
  return build({ inputSize, hiddenSizes: sizes.slice(1, -1), outputSize });
}

function trainOptions({ sizes, batchSize, draws = 1 }: Network, epochs: number): TrainOptions {
  return {
    likelihood: sizes[sizes.length - 1] > 1 ? 'categorical' : 'gaussian',
    standardize: 'none',
    batchSize,
    epochs,
    draws,
    optimizer: { kind: 'adam', learningRate: 1e-3 },
    // Nothing can be learned from random rows, so no warnings are printed.
    diagnostics: { every: 0 },
  };
}

export class NetworkBench {
  readonly #runtimes = new Map<string, Runtime>();
  readonly #posteriors = new Map<string, Posterior>();

  /** @param milliseconds a sample aims at this long */
  constructor(readonly milliseconds: number) {}

  /** Repetitions of a sample at least, unless it is only to be seen that all runs. */
  least(count: number): number {
    return this.milliseconds < 100 ? 1 : count;
  }

  #runtime(backend: string, workers: number): Runtime {
    const key = `${backend} ${workers}`;
    let runtime = this.#runtimes.get(key);
    if (runtime === undefined) {
      runtime = createRuntime({ backend, workers, seed: 'bench' });
      this.#runtimes.set(key, runtime);
    }
    return runtime;
  }

  /** A step within whole epochs of training, barriers and all; what comes before the first step is not in it. */
  step(network: Network, backend: string, workers: number): Sampler<StepDetail> {
    const runtime = this.#runtime(backend, workers);
    const { batches = 64 } = network;
    const [model, data] = [modelOf(network), madeUpData(network, network.batchSize * batches)];
    let epochs = 0;
    const train = async (count: number): Promise<{ ms: number; detail: StepDetail }> => {
      const start = performance.now();
      const { phases, team } = await runtime.train(model, data, trainOptions(network, count)).result;
      const call = (performance.now() - start) / (count * batches);
      const perStep = (ms: number) => ms / (count * batches) / team;
      const [pass, finish, wait] = [phases.pass, phases.finish, phases.wait].map(perStep);
      return { ms: pass + finish + wait, detail: { pass, finish, wait, call, team } };
    };
    return {
      name: 'step',
      size: networkName(network),
      backend,
      workers,
      work: stepWork(network),
      sample: async () => {
        if (epochs === 0) {
          // A first guess from a cold run, a better one from a run of that length.
          for (let guess = 1, tries = 0; tries < 2; tries++) {
            const { ms } = await train(guess);
            guess = Math.max(
              this.least(STEADY_STEPS / batches),
              Math.round(this.milliseconds / (ms * batches)),
            );
            epochs = guess;
          }
        }
        return train(epochs);
      },
    };
  }

  /** One of many predictive draws of 128 rows in one call, with all that the call does. */
  draw(network: Network, backend: string, workers: number): Sampler<never> {
    const runtime = this.#runtime(backend, workers);
    const rows = { sizes: network.sizes, batchSize: DRAW_ROWS };
    const { x } = madeUpData(network, DRAW_ROWS);
    const predict = async (draws: number): Promise<number> => {
      const posterior = await this.#posterior(network, runtime);
      const start = performance.now();
      await runtime.predict(posterior, x, { draws });
      return (performance.now() - start) / draws;
    };
    let draws = 0;
    return {
      name: 'draw',
      size: networkName(rows),
      backend,
      workers,
      work: drawWork(rows),
      sample: async () => {
        if (draws === 0) {
          await predict(16);
          const fits = Math.round(this.milliseconds / (await predict(32)) / 16);
          draws = Math.max(this.least(STEADY_DRAWS / 16), fits, 2) * 16;
        }
        return { ms: await predict(draws) };
      },
    };
  }

  async #posterior(network: Network, runtime: Runtime): Promise<Posterior> {
    const key = networkName(network);
    let posterior = this.#posteriors.get(key);
    if (posterior === undefined) {
      const data = madeUpData(network, network.batchSize);
      posterior = await runtime.train(modelOf(network), data, trainOptions(network, 1));
      this.#posteriors.set(key, posterior);
    }
    return posterior;
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    await Promise.all([...this.#runtimes.values()].map((runtime) => runtime.close()));
  }
}
