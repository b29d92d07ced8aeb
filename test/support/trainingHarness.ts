// One training in this thread: the arena, the step and the control words a worker would have, with parameters that a test
// chooses. Steps run through workers/trainStretch, so what is tested is what workers do.

import { Arena } from '../../src/backend/arena.ts';
import type { BackendFactory } from '../../src/backend/backend.ts';
import { parameterLayout } from '../../src/core/parameters.ts';
import { createFamily } from '../../src/core/posteriors/index.ts';
import type { TrainingProblem } from '../../src/core/training/problem.ts';
import { TrainingStep } from '../../src/core/training/step.ts';
import { StepLists } from '../../src/core/training/stepLists.ts';
import {
  CONTROL_WORDS,
  type TrainingMemory,
  trainingMemory,
} from '../../src/core/training/trainingMemory.ts';
import { normal } from '../../src/random/normal.ts';
import { epochOrder } from '../../src/random/permutation.ts';
import { seedKey } from '../../src/random/seed.ts';
import { PURPOSE, stream } from '../../src/random/stream.ts';
import { Team } from '../../src/workers/team.ts';
import { trainStretch } from '../../src/workers/trainStretch.ts';
import type { TwinBatch, TwinTensors } from '../reference/negativeElbo.ts';

const key = seedKey('test values');

/** Standard normal test values by a number and a place: the same on every engine. */
export function testNormals(count: number, which: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    normal(key, which, 0, stream(PURPOSE.synthetic, 7), i),
  );
}

/** Place of weight (i, o), or of bias o with i = −1, counted in floats from the start of the layer. */
function slot(I: number, i: number, o: number): number {
  const panelRows = Math.ceil((I + 1) / 4) * 4;
  return (Math.floor(o / 16) * panelRows + (i + 1)) * 16 + (o % 16);
}

/** The noise of one draw of one layer, made number by number from its addresses. */
export function layerNoise(
  problem: TrainingProblem,
  step: number,
  draw: number,
  layer: number,
  purpose: 'weight' | 'predictive' = 'weight',
): TwinTensors {
  const { I, O } = parameterLayout(problem.model).layers[layer];
  const seed = seedKey(problem.seed);
  const at = (i: number, o: number) =>
    normal(seed, step, draw, stream(PURPOSE[purpose], layer), slot(I, i, o));
  return {
    weight: Float64Array.from({ length: I * O }, (_, n) => at(Math.floor(n / O), n % O)),
    bias: Float64Array.from({ length: O }, (_, o) => at(-1, o)),
  };
}

/** The minibatch of a step as float64 rows. */
export function twinBatch(
  problem: TrainingProblem,
  x: Float32Array,
  y: Float32Array,
  step: number,
): TwinBatch {
  const I = problem.model.inputSize;
  const columns = y.length / problem.rowCount;
  const perEpoch = Math.ceil(problem.rowCount / problem.batchSize);
  const order = epochOrder(new Int32Array(problem.rowCount), problem.seed, Math.floor(step / perEpoch));
  const first = (step % perEpoch) * problem.batchSize;
  const index = [...order.subarray(first, Math.min(first + problem.batchSize, problem.rowCount))];
  return {
    rows: index.length,
    x: Float64Array.from(index.flatMap((row) => [...x.subarray(row * I, (row + 1) * I)])),
    y: Float64Array.from(index.flatMap((row) => [...y.subarray(row * columns, (row + 1) * columns)])),
  };
}

/** Puts random q parameters of layers in the arena, sigma from .01 to .9: large enough for gradients of rho to matter. */
export function randomParameters(harness: TrainingHarness): { mu: TwinTensors; rho: TwinTensors }[] {
  const { parameters } = createFamily(harness.problem.family);
  return harness.memory.layout.layers.map(({ I, O }, l) => {
    const f64 = (count: number, which: number, map: (n: number) => number) =>
      Float64Array.from(testNormals(count, which), (n) => Math.fround(map(n)));
    const layer = {
      mu: {
        weight: f64(I * O, 10 * l + 3, (n) => n / Math.sqrt(I)),
        bias: f64(O, 10 * l + 4, (n) => 0.3 * n),
      },
      rho: {
        weight: f64(I * O, 10 * l + 5, (n) => -2 + 0.8 * n),
        bias: f64(O, 10 * l + 6, (n) => -2 + 0.8 * n),
      },
    };
    harness.put(harness.memory.mu, l, layer.mu);
    if (parameters.includes('rho')) harness.put(harness.memory.rho, l, layer.rho);
    return layer;
  });
}

/** What a worker has made for a training. */
interface Turn {
  readonly step: TrainingStep;
  readonly lists: StepLists | null;
}

export class TrainingHarness {
  readonly memory: TrainingMemory;
  readonly arena: Arena;
  readonly step: TrainingStep;
  readonly #team: Team;
  /** One a worker that has the training in turn. */
  readonly #workers: Turn[] = [];

  constructor(
    readonly problem: TrainingProblem,
    factory: BackendFactory,
    compiled: unknown,
    x: Float32Array,
    y: Float32Array,
    workers = 1,
  ) {
    this.memory = trainingMemory(problem, 1);
    this.arena = Arena.allocate(this.memory.arena);
    for (let worker = 0; worker < workers; worker++) {
      const backend = factory.create(this.arena, compiled, 0);
      const step = new TrainingStep(problem, this.memory, this.arena, backend, 0);
      this.#workers.push({ step, lists: StepLists.create(step, backend) });
    }
    this.step = this.#workers[0].step;
    this.arena.floats(this.memory.x, x.length).set(x);
    if (problem.likelihood.kind === 'categorical') this.arena.i32.set(y, this.memory.targets / 4);
    else this.arena.floats(this.memory.targets, y.length).set(y);
    this.step.noiseScale.initialize();
    this.step.learned.initialize();
    const control = this.memory.control / 4;
    this.#team = new Team(this.arena.i32.subarray(control, control + CONTROL_WORDS), 1, 0, 1);
  }

  /** Puts float32 values into a parameter buffer (or a moment) of a layer, element by element. */
  put(buffer: number, layer: number, values: TwinTensors): void {
    const { I, O, offset } = this.memory.layout.layers[layer];
    const floats = this.arena.f32.subarray(buffer / 4 + offset);
    for (let o = 0; o < O; o++) {
      floats[slot(I, -1, o)] = values.bias[o];
      for (let i = 0; i < I; i++) floats[slot(I, i, o)] = values.weight[i * O + o];
    }
  }

  /** Reads a parameter buffer (or a moment) of a layer back. */
  get(buffer: number, layer: number): TwinTensors {
    const { I, O, offset } = this.memory.layout.layers[layer];
    const floats = this.arena.f32.subarray(buffer / 4 + offset);
    return {
      weight: Float64Array.from({ length: I * O }, (_, n) => floats[slot(I, Math.floor(n / O), n % O)]),
      bias: Float64Array.from({ length: O }, (_, o) => floats[slot(I, -1, o)]),
    };
  }

  /** Runs steps from … to − 1 as a team of one: the worker whose turn it is. */
  run(from: number, to: number): void {
    const worker = this.#workers.shift() as Turn;
    this.#workers.push(worker);
    const { ended } = trainStretch(worker.step, this.#team, from, to, () => undefined, worker.lists);
    if (ended !== 'complete') throw new Error(`expected a complete stretch, got ${ended}`);
  }

  /** Mean loss recorded for a step. */
  loss(step: number): number {
    return this.arena.f64[this.memory.stepLoss / 8 + step];
  }

  /** Raw noise scale, first and second moment of output k. */
  point(k: number): Float64Array {
    return this.arena.f64.subarray(this.memory.points / 8 + 3 * k, this.memory.points / 8 + 3 * k + 3);
  }

  /** Bits of everything a step changes. */
  state(): Uint8Array {
    const { offset, bytes } = this.memory.state;
    return this.arena.u8.slice(offset, offset + bytes);
  }
}
