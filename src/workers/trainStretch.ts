// A worker's part in a stretch of training steps: the same program in every member, on its own share of every phase.

import { stepsPerEpoch, totalSteps } from '../core/training/problem.ts';
import type { TrainingStep } from '../core/training/step.ts';
import { EPOCH_RECORDS, STEP_RECORDS } from '../core/training/trainingMemory.ts';
import { BlockQueue } from './blockQueue.ts';
import { CONTROL, type PhaseTimes, type TrainReply } from './protocol.ts';
import { type Team, TeamAbortedError } from './team.ts';

/** Trains steps from … to − 1; every member of the team calls it with the same range. `atStep` is for hooks. */
export function trainStretch(
  step: TrainingStep,
  team: Team,
  from: number,
  to: number,
  atStep: (step: number) => void,
): TrainReply {
  const phases = { prologue: 0, pass: 0, finish: 0, wait: 0 };
  const done = (ended: TrainReply['ended'], next: number): TrainReply => ({
    kind: 'trained',
    ended,
    step: next,
    phases,
  });
  let now = from;
  try {
    prologue(step, team, from, phases);
    const records = new Records(step);
    const { memory, arena } = step;
    const queue = new BlockQueue(
      arena.i32.subarray(memory.queue / 4),
      memory.layout.blocks,
      team.size,
      team.rank,
    );
    for (; now < to; now++) {
      atStep(now);
      oneStep(step, team, queue, now, records, phases);
      const { control } = team;
      if (Atomics.load(control, CONTROL.divergedAt) !== 0) return done('diverged', now + 1);
      if (Atomics.load(control, CONTROL.stopAfter) === now + 1) return done('canceled', now + 1);
    }
    return done('complete', to);
  } catch (error) {
    if (error instanceof TeamAbortedError) return done('aborted', now);
    throw error;
  }
}

type Times = { -readonly [K in keyof PhaseTimes]: number };

/** Brings row orders, first weights and first minibatch into the arena, unless the stretch before left them there. */
function prologue(step: TrainingStep, team: Team, from: number, times: Times): void {
  const start = performance.now();
  const perEpoch = stepsPerEpoch(step.problem);
  const ready = Atomics.load(team.control, CONTROL.readyFor) === from + 1;
  team.sync();
  if (!ready) {
    const epoch = Math.floor(from / perEpoch);
    if (team.rank === 0) step.orderEpoch(epoch);
    if (team.rank === team.size - 1) step.orderEpoch(epoch + 1);
    team.sync();
    const blocks = step.memory.layout.blocks.length;
    step.sample(from, team.first(blocks), team.last(blocks));
    step.gather(from, team.first(step.panels(from)), team.last(step.panels(from)));
    if (team.rank === 0) step.noiseScale.publish();
  }
  team.sync();
  times.prologue += performance.now() - start;
}

/** Where the main thread reads losses and KLs after a stretch. */
class Records {
  readonly loss: Float64Array;
  readonly kl: Float64Array;
  constructor(step: TrainingStep) {
    const { stepLoss, epochKl } = step.memory;
    this.loss = step.arena.f64.subarray(stepLoss / 8, stepLoss / 8 + STEP_RECORDS);
    this.kl = step.arena.f64.subarray(epochKl / 8, epochKl / 8 + EPOCH_RECORDS);
  }
}

/** The pass: each tile is one draw of 16 rows of the minibatch, forward and back. */
function pass(step: TrainingStep, team: Team, now: number): void {
  const tiles = step.tiles(now);
  if (team.size <= tiles) {
    step.pass(now, team.first(tiles), team.last(tiles));
    return;
  }
  // More members than tiles: several take one run of tiles together, each a part of every layer's units, layer by layer.
  const parts = Math.ceil(team.size / tiles);
  const groups = Math.floor(team.size / parts);
  const group = Math.floor(team.rank / parts);
  const idle = group >= groups;
  const first = Math.floor((tiles * group) / groups);
  const last = Math.floor((tiles * (group + 1)) / groups);
  for (let stage = 0; stage < step.passStages; stage++) {
    if (stage > 0) team.sync();
    if (!idle) step.passStage(now, stage, first, last, team.rank % parts, parts);
  }
}

function oneStep(
  step: TrainingStep,
  team: Team,
  queue: BlockQueue,
  now: number,
  records: Records,
  times: Times,
): void {
  const { control } = team;
  const perEpoch = stepsPerEpoch(step.problem);
  const endsEpoch = (now + 1) % perEpoch === 0;
  const blocks = step.memory.layout.blocks.length;

  const t0 = performance.now();
  queue.refill();
  pass(step, team, now);
  const t1 = performance.now();
  team.sync();

  // Finish: each block of parameters gets its gradient, its update and its next weights; the next minibatch is gathered beside.
  const t2 = performance.now();
  step.prepare(now);
  let bad = false;
  for (let first = queue.take(); first >= 0; first = queue.take()) {
    if (step.finish(now, first, queue.last)) bad = true;
  }
  if (now + 1 < totalSteps(step.problem)) {
    step.gather(now + 1, team.first(step.panels(now + 1)), team.last(step.panels(now + 1)));
  }
  if (bad) Atomics.store(control, CONTROL.divergedAt, now + 1);
  if (team.rank === 0) {
    const loss = step.meanLoss(now);
    records.loss[now % STEP_RECORDS] = loss;
    step.noiseScale.update(now);
    if (!Number.isFinite(loss)) Atomics.store(control, CONTROL.divergedAt, now + 1);
    if (Atomics.load(control, CONTROL.cancel) !== 0) Atomics.store(control, CONTROL.stopAfter, now + 1);
  }
  const t3 = performance.now();
  team.sync();

  // What the blocks of this step say of the priors; others read it after their next pass, or for the KL.
  if (step.learned.any) {
    if (team.rank === 0) step.learned.update();
    if (endsEpoch) team.sync();
  }
  if (endsEpoch) {
    const epoch = Math.floor(now / perEpoch);
    step.blockKl(team.first(blocks), team.last(blocks));
    // All of this epoch's rows are gathered, so its half of the order buffer is free for the epoch after the next.
    if (team.rank === team.size - 1) step.orderEpoch(epoch + 2);
    team.sync();
    if (team.rank === 0) records.kl[epoch % EPOCH_RECORDS] = step.totalKl();
  }
  if (team.rank === 0) {
    Atomics.store(control, CONTROL.readyFor, now + 2);
    Atomics.store(control, CONTROL.stepsDone, now + 1);
  }
  const t4 = performance.now();
  times.pass += t1 - t0;
  times.finish += t3 - t2;
  times.wait += t2 - t1 + (t4 - t3);
}
