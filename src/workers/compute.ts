// Request → reply: what a worker does, as a function without a thread in it. Keeps for each arena its kernels and the views of the
// last job in it, until it hears that arenas were released.

import { Arena } from '../backend/arena.ts';
import { type Backend, LANES } from '../backend/backend.ts';
import { predictionMemory } from '../core/prediction/predictionMemory.ts';
import { TilePredictor } from '../core/prediction/predictTile.ts';
import { TrainingStep } from '../core/training/step.ts';
import { StepLists } from '../core/training/stepLists.ts';
import { CONTROL_WORDS, trainingMemory } from '../core/training/trainingMemory.ts';
import type { StretchHook } from './hook.ts';
import type { WorkerHost } from './host.ts';
import type {
  JobBase,
  PredictRequest,
  PrepareRequest,
  Reply,
  Request,
  TrainingJob,
  TrainRequest,
} from './protocol.ts';
import { Team } from './team.ts';
import { trainStretch } from './trainStretch.ts';

/** What a worker has made for an arena. */
interface Known {
  /** One instance of the kernels per thread number: each has its own stack in the arena. */
  readonly kernels: Map<number, Backend>;
  job: number;
  /** Per thread number, of the job. */
  runs: Map<number, (request: Request) => Reply>;
}

/** Makes a `compute` with its own memory of arenas; `hook` runs the stretches that come with an order. */
export function createCompute(host: WorkerHost, hook?: StretchHook): (request: Request) => Reply {
  const arenas = new Map<number, Known>();
  let evictions = 0;
  const forget = () => {
    arenas.clear();
    host.collectGarbage();
  };
  return (request) => {
    if (request.kind === 'release') {
      forget();
      meet(request.meeting, request.size);
      return { kind: 'released' };
    }
    const { job } = request;
    if (job.evictions > evictions) {
      evictions = job.evictions;
      forget();
    }
    const known = arenas.get(job.arena) ?? { kernels: new Map(), job: job.id, runs: new Map() };
    arenas.set(job.arena, known);
    if (known.job !== job.id) {
      known.job = job.id;
      known.runs = new Map();
    }
    const thread = request.kind === 'train' ? request.rank : request.slot;
    try {
      let run = known.runs.get(thread);
      if (run === undefined) {
        run =
          request.kind === 'train'
            ? trainer(host, request.job, thread, known, hook)
            : predictor(host, request, known);
        known.runs.set(thread, run);
      }
      return run(request);
    } catch (error) {
      // A kernel that was left in the middle leaves its stack pointer where it was.
      arenas.delete(job.arena);
      throw error;
    }
  };
}

function open(host: WorkerHost, job: JobBase, thread: number, known: Known) {
  const arena = new Arena(job.memory, job.threads);
  const kernels =
    known.kernels.get(thread) ?? host.backends.named(job.backend).create(arena, job.compiled, thread);
  known.kernels.set(thread, kernels);
  return { arena, kernels };
}

function trainer(
  host: WorkerHost,
  job: TrainingJob,
  thread: number,
  known: Known,
  hook?: StretchHook,
): (request: Request) => Reply {
  const { arena, kernels } = open(host, job, thread, known);
  const memory = trainingMemory(job.problem, job.threads);
  const step = new TrainingStep(job.problem, memory, arena, kernels, thread);
  const lists = StepLists.create(step, kernels);
  const control = arena.i32.subarray(memory.control / 4, memory.control / 4 + CONTROL_WORDS);
  return (request) => {
    const { rank, size, cores, from, to, order } = request as TrainRequest;
    const team = new Team(control, size, rank, cores);
    if (hook === undefined || order === undefined)
      return trainStretch(step, team, from, to, () => undefined, lists);
    // A hook comes between the pieces of a step, which a list does not know.
    return hook(order, step, rank, (atStep) => trainStretch(step, team, from, to, atStep, null));
  };
}

function predictor(
  host: WorkerHost,
  first: PrepareRequest | PredictRequest,
  known: Known,
): (request: Request) => Reply {
  const { job, slot } = first;
  const { arena, kernels } = open(host, job, slot, known);
  const memory = predictionMemory(job.problem, job.threads);
  const pulse = (memory.pulse >>> 2) + slot * LANES;
  const beat = () => void Atomics.add(arena.i32, pulse, 1);
  const tiles = new TilePredictor(job.problem, memory, arena, kernels, beat);
  return (request) => {
    beat();
    if (request.kind === 'prepare') {
      tiles.prepare(request.first, request.last);
      return { kind: 'prepared' };
    }
    tiles.predict(request as PredictRequest);
    return { kind: 'predicted' };
  };
}

/** Waits until `size` threads are here, at most a second: releasing memory is worth no more. */
function meet(meeting: Int32Array, size: number): void {
  if (Atomics.add(meeting, 0, 1) + 1 >= size) Atomics.notify(meeting, 0);
  const deadline = performance.now() + 1_000;
  for (
    let here = Atomics.load(meeting, 0);
    here < size && performance.now() < deadline;
    here = Atomics.load(meeting, 0)
  ) {
    Atomics.wait(meeting, 0, here, 20);
  }
}
