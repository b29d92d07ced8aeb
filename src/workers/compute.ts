// Request → reply: what a worker does, as a function without a thread in it. Keeps one job's view of memory at a time.

import { Arena } from '../backend/arena.ts';
import { backendFactory } from '../backend/registry.ts';
import { predictionMemory } from '../core/predictionMemory.ts';
import { TilePredictor } from '../core/predictTile.ts';
import { TrainingStep } from '../core/step.ts';
import { CONTROL_WORDS, trainingMemory } from '../core/trainingMemory.ts';
import { inject, withFaults } from './faults.ts';
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

/** Makes a `compute` with its own memory of the last job; `exit` ends the thread (tests of lost workers). */
export function createCompute(exit: () => never): (request: Request) => Reply {
  // One instance of the kernels per thread number: each has its own stack in the arena.
  let current: { id: number; runs: Map<number, (request: Request) => Reply> } = { id: -1, runs: new Map() };
  return (request) => {
    if (request.kind === 'release') {
      current = { id: -1, runs: new Map() };
      meet(request.meeting, request.size);
      return { kind: 'released' };
    }
    const thread = request.kind === 'train' ? request.rank : request.slot;
    if (current.id !== request.job.id) current = { id: request.job.id, runs: new Map() };
    let run = current.runs.get(thread);
    if (run === undefined) {
      run = request.kind === 'train' ? trainer(request.job, thread, exit) : predictor(request, exit);
      current.runs.set(thread, run);
    }
    return run(request);
  };
}

function open(job: JobBase, thread: number) {
  const arena = new Arena(job.memory, job.threads);
  return { arena, kernels: backendFactory(job.backend).create(arena, job.compiled, thread) };
}

function trainer(job: TrainingJob, thread: number, exit: () => never): (request: Request) => Reply {
  const { arena, kernels } = open(job, thread);
  const memory = trainingMemory(job.problem, job.threads);
  const step = new TrainingStep(job.problem, memory, arena, kernels, thread);
  const control = arena.i32.subarray(memory.control / 4, memory.control / 4 + CONTROL_WORDS);
  return (request) => {
    const { rank, size, cores, from, to, faults } = request as TrainRequest;
    const team = new Team(control, size, rank, cores);
    const run = (atStep: (now: number) => void) => trainStretch(step, team, from, to, atStep);
    return faults === undefined ? run(() => undefined) : withFaults(faults, step, rank, exit, run);
  };
}

function predictor(first: PrepareRequest | PredictRequest, exit: () => never): (request: Request) => Reply {
  const { job, slot } = first;
  const { arena, kernels } = open(job, slot);
  const tiles = new TilePredictor(job.problem, predictionMemory(job.problem, job.threads), arena, kernels);
  return (request) => {
    if (request.kind === 'prepare') {
      tiles.prepare(request.first, request.last);
      return { kind: 'prepared' };
    }
    const tile = request as PredictRequest;
    if (tile.fault !== undefined) inject(tile.fault, exit);
    tiles.predict(tile);
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
