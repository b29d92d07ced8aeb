// A worker's part in a stretch of training steps: the same program in every member, on its own share of every phase.

import { stepsPerEpoch, totalSteps } from '../core/training/problem.ts';
import type { TrainingStep } from '../core/training/step.ts';
import type { StepLists } from '../core/training/stepLists.ts';
import { EPOCH_RECORDS, STEP_RECORDS } from '../core/training/trainingMemory.ts';
import { BlockQueue } from './blockQueue.ts';
import { CONTROL, type PhaseTimes, type TrainReply } from './protocol.ts';
import { type Team, TeamAbortedError } from './team.ts';

/**
 * Trains steps from … to − 1; every member of the team calls it with the same range. `atStep` is for hooks.
 * @param lists executes the steps of a team of one, or null where each call is to be made by itself
 */
export function trainStretch(
  step: TrainingStep,
  team: Team,
  from: number,
  to: number,
  atStep: (step: number) => void,
  lists: StepLists | null,
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
    lists?.claim();
    const records = new Records(step);
    const { memory, arena } = step;
    const queue = new BlockQueue(
      arena.i32.subarray(memory.queue / 4),
      memory.layout.blocks,
      team.size,
      team.rank,
    );
    const { control } = team;
    for (; now < to; now++) {
      atStep(now);
      if (team.size === 1) stepAlone(step, lists, team, now, records, phases);
      else stepTogether(step, team, queue, now, records, phases);
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

/** A step of a team of one, whose time counts as that of the pass. */
function stepAlone(
  step: TrainingStep,
  lists: StepLists | null,
  team: Team,
  now: number,
  records: Records,
  times: Times,
): void {
  const start = performance.now();
  team.sync();
  step.prepare(now);
  const bad = lists?.run(now) ?? step.whole(now);
  if (bad) Atomics.store(team.control, CONTROL.divergedAt, now + 1);
  record(step, team, now, records);
  learnPriors(step, team, now);
  if (endsEpoch(step, now)) endEpoch(step, team, now, records);
  count(team, now);
  times.pass += performance.now() - start;
}

function stepTogether(
  step: TrainingStep,
  team: Team,
  queue: BlockQueue,
  now: number,
  records: Records,
  times: Times,
): void {
  const t0 = performance.now();
  queue.refill();
  pass(step, team, now);
  const t1 = performance.now();
  team.sync();

  // Finish: each block of parameters gets its gradient, its update and its next weights; the next minibatch is gathered beside.
  const t2 = performance.now();
  step.prepare(now);
  if (step.clips) clipGradients(step, team, queue, now);
  let bad = false;
  for (let first = queue.take(); first >= 0; first = queue.take()) {
    if (step.finish(now, first, queue.last)) bad = true;
  }
  if (now + 1 < totalSteps(step.problem)) {
    step.gather(now + 1, team.first(step.panels(now + 1)), team.last(step.panels(now + 1)));
  }
  if (bad) Atomics.store(team.control, CONTROL.divergedAt, now + 1);
  if (team.rank === 0) {
    step.sumLoss(now);
    record(step, team, now, records);
  }
  const t3 = performance.now();
  team.sync();
  learnPriors(step, team, now);
  if (endsEpoch(step, now)) endEpoch(step, team, now, records);
  if (team.rank === 0) count(team, now);
  const t4 = performance.now();
  times.pass += t1 - t0;
  times.finish += t3 - t2;
  times.wait += t2 - t1 + (t4 - t3);
}

/** Makes the gradients of all blocks, and limits them together. */
function clipGradients(step: TrainingStep, team: Team, queue: BlockQueue, now: number): void {
  for (let first = queue.take(); first >= 0; first = queue.take()) step.gradients(now, first, queue.last);
  team.sync();
  queue.refill();
  team.sync();
  step.clip();
}

/** Keeps the loss of a step, updates the noise scale by it, and heeds the main thread. */
function record(step: TrainingStep, { control }: Team, now: number, records: Records): void {
  const loss = step.meanLoss(now);
  records.loss[now % STEP_RECORDS] = loss;
  step.noiseScale.update(now);
  if (!Number.isFinite(loss)) Atomics.store(control, CONTROL.divergedAt, now + 1);
  if (Atomics.load(control, CONTROL.cancel) !== 0) Atomics.store(control, CONTROL.stopAfter, now + 1);
}

/** What the blocks of a step say of the priors; others read it after their next pass, or for the KL. */
function learnPriors(step: TrainingStep, team: Team, now: number): void {
  if (!step.learned.any) return;
  if (team.rank === 0) step.learned.update();
  if (endsEpoch(step, now)) team.sync();
}

function endsEpoch(step: TrainingStep, now: number): boolean {
  return (now + 1) % stepsPerEpoch(step.problem) === 0;
}

/** What every member does behind the last step of an epoch: its KL, what the family keeps, and the row order of the epoch after the next. */
function endEpoch(step: TrainingStep, team: Team, now: number, records: Records): void {
  const epoch = Math.floor(now / stepsPerEpoch(step.problem));
  const blocks = step.memory.layout.blocks.length;
  step.blockKl(team.first(blocks), team.last(blocks));
  step.keepPath(epoch, team.first(blocks), team.last(blocks));
  // All of this epoch's rows are gathered, so its half of the order buffer is free for the epoch after the next.
  if (team.rank === team.size - 1) step.orderEpoch(epoch + 2);
  team.sync();
  if (team.rank === 0) records.kl[epoch % EPOCH_RECORDS] = step.totalKl();
}

function count({ control }: Team, now: number): void {
  Atomics.store(control, CONTROL.readyFor, now + 2);
  Atomics.store(control, CONTROL.stepsDone, now + 1);
}
