// The arena of a training as the main thread sees it between stretches: rows and first parameters (or a saved state) go in; the
// posterior, snapshots and states come out.

import type { Arena } from '../../backend/arena.ts';
import type { BackendFactory } from '../../backend/backend.ts';
import { KERNEL_EPOCH } from '../../backend/kernelEpoch.ts';
import type { TableColumns } from '../../columns/tableColumns.ts';
import { createLikelihood } from '../../core/likelihoods/index.ts';
import { firstNonFinite, packLayer, unpackLayer } from '../../core/parameters.ts';
import type { Posterior } from '../../core/posterior.ts';
import { createFamily, familyField, trainedParameters } from '../../core/posteriors/index.ts';
import { layerTensors } from '../../core/posteriors/layerTensors.ts';
import { standardizeInto } from '../../core/standardize.ts';
import { initializeParameters } from '../../core/training/initialParameters.ts';
import { keptEnds, pathMoments, stepsPerEpoch } from '../../core/training/problem.ts';
import { TrainingStep } from '../../core/training/step.ts';
import { CONTROL_WORDS, type TrainingMemory } from '../../core/training/trainingMemory.ts';
import {
  checkState,
  checksum,
  readStateTensors,
  type StateTensor,
  type TrainingOrigin,
  type TrainingState,
  writeStateTensors,
} from '../../core/training/trainingState.ts';
import { seedKey } from '../../random/seed.ts';
import { CONTROL } from '../../workers/protocol.ts';
import type { PreparedTraining } from './prepared.ts';

/** What a posterior is to say of the names in its data. */
export interface PosteriorNames {
  readonly classNames: readonly string[] | null;
  readonly columns?: TableColumns | undefined;
}

export class TrainingArena {
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly #step: TrainingStep;
  #dataChecksum: string | null = null;

  /** @param arena laid out as `memory`, with nothing but zeros in it; the last of its threads is the one that calls */
  constructor(
    readonly prepared: PreparedTraining,
    factory: BackendFactory,
    compiled: unknown,
    readonly memory: TrainingMemory,
    readonly arena: Arena,
  ) {
    const { problem } = prepared;
    const own = arena.threads - 1;
    const kernels = factory.create(arena, compiled, own);
    this.#step = new TrainingStep(problem, memory, arena, kernels, own);
    const first = this.memory.control / 4;
    this.control = this.arena.i32.subarray(first, first + CONTROL_WORDS);
    this.#load();
    initializeParameters(
      kernels,
      this.arena.f32,
      this.memory.layout,
      this.memory.mu,
      trainedParameters(problem.family).includes('rho') ? this.memory.rho : null,
      seedKey(problem.seed),
      prepared.initialRho,
    );
    this.#step.noiseScale.initialize(prepared.initial?.noiseScale ?? null);
    this.#step.learned.initialize();
    if (prepared.initial !== null) this.#startFrom(prepared.initial);
  }

  /** Puts the parameters of an earlier posterior in place of random ones. */
  #startFrom({ layers }: Posterior): void {
    for (const { name, data } of this.#parameters()) {
      for (const layer of this.memory.layout.layers) {
        const { weight, bias } = layers[layer.index];
        packLayer(data, layer, weight[name as 'mu' | 'rho'], bias[name as 'mu' | 'rho']);
      }
    }
  }

  #load(): void {
    const { x, y, problem, standardization, weights } = this.prepared;
    standardizeInto(
      this.arena.floats(this.memory.x, x.data.length),
      x.data,
      x.columns,
      standardization.features,
    );
    if (createLikelihood(problem.likelihood).targets === 'labels') {
      this.arena.i32.set(y.data, this.memory.targets / 4);
    } else {
      standardizeInto(
        this.arena.floats(this.memory.targets, y.data.length),
        y.data,
        y.columns,
        standardization.targets,
      );
    }
    if (weights === null || problem.totalWeight === undefined) return;
    const mean = problem.totalWeight / weights.length;
    this.arena.floats(this.memory.weights, weights.length).set(weights.map((weight) => weight / mean));
  }

  /** A copy of everything that a step changes and the next one needs. */
  snapshot(): Uint8Array {
    const { offset, bytes } = this.memory.state;
    return this.arena.u8.slice(offset, offset + bytes);
  }

  restore(snapshot: Uint8Array): void {
    this.arena.u8.set(snapshot, this.memory.state.offset);
    this.#changed();
  }

  /** The parameters, moments and point parameters by name. */
  tensors(): StateTensor[] {
    return readStateTensors(this.arena, this.memory, this.prepared.problem);
  }

  /** Puts a saved state in place of the first parameters. @throws CheckpointError if it belongs to another training */
  resume(state: TrainingState): void {
    checkState(state, this.origin());
    writeStateTensors(this.arena, this.memory, this.prepared.problem, state.tensors);
    this.#changed();
  }

  /** What decides the bits of this training. */
  origin(): TrainingOrigin {
    const { x, y, problem, initialRho, weights, initial } = this.prepared;
    const words = (offset: number, count: number) => this.arena.i32.subarray(offset / 4, offset / 4 + count);
    this.#dataChecksum ??= checksum(
      words(this.memory.x, x.data.length),
      words(this.memory.targets, y.data.length),
      ...(weights === null ? [] : [words(this.memory.weights, weights.length)]),
      ...(initial === null ? [] : parameterWords(initial)),
    );
    return { kernelEpoch: KERNEL_EPOCH, problem, initialRho, dataChecksum: this.#dataChecksum };
  }

  /** The weights and the minibatch that a stretch left for the next one are no longer those of the parameters. */
  #changed(): void {
    this.#step.noiseScale.publish();
    Atomics.store(this.control, CONTROL.readyFor, 0);
    Atomics.store(this.control, CONTROL.divergedAt, 0);
  }

  #parameters() {
    const { memory, arena } = this;
    return trainedParameters(this.prepared.problem.family).map((name) => ({
      name,
      data: arena.floats(memory[name], memory.layout.size),
    }));
  }

  /** The first tensor with a NaN or an infinity, or `elbo` when it is only in the loss. */
  nonFiniteTensor(): string {
    return (
      firstNonFinite(this.memory.layout, this.#parameters()) ??
      (this.#step.noiseScale.values()?.every(Number.isFinite) === false ? 'likelihood.scale' : 'elbo')
    );
  }

  /** The parameters of q after `epochs` epochs. */
  #posteriorParameters(epochs: number) {
    const { memory, arena } = this;
    const { problem } = this.prepared;
    const { path, parameters } = createFamily(problem.family);
    if (path === undefined) return this.#parameters();
    const { mean, m2 } = pathMoments(memory.moments);
    const floats = (address: number) => arena.floats(address, memory.layout.size);
    const kept = { mu: floats(memory.mu), mean: floats(mean), m2: floats(m2) };
    const made = path.posterior({ ...kept, count: keptEnds(problem, epochs) });
    return parameters.map((name) => ({ name, data: made[name] }));
  }

  /** q as it is now, after `step` steps. */
  posterior({ classNames, columns }: PosteriorNames, step: number): Posterior {
    const { layout } = this.memory;
    const { problem, standardization } = this.prepared;
    const parameters = this.#posteriorParameters(Math.floor(step / stepsPerEpoch(problem)));
    const learned = this.#step.learned.values();
    return {
      model: problem.model,
      ...familyField(problem.family),
      likelihood: problem.likelihood,
      layers: layout.layers.map((layer) => {
        const unpacked = new Map(parameters.map(({ name, data }) => [name, unpackLayer(data, layer)]));
        const own = learned[layer.index];
        return {
          ...layerTensors(problem.family, (tensor, name) => unpacked.get(name)![tensor]),
          ...(own === null ? {} : { prior: Float32Array.from(own) }),
        };
      }),
      noiseScale: this.#step.noiseScale.values(),
      standardization,
      classNames,
      seed: problem.seed,
      kernelEpoch: KERNEL_EPOCH,
      ...(columns === undefined ? {} : { columns }),
    };
  }
}

/** The bits that a training starts from, for its checksum. */
function parameterWords({ layers, noiseScale }: Posterior): Int32Array[] {
  const all = layers.flatMap(({ weight, bias }) => [weight.mu, weight.rho, bias.mu, bias.rho]);
  return [...all, noiseScale ?? new Float32Array()].map((floats) => new Int32Array(floats.slice().buffer));
}
