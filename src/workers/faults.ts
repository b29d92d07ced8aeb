// Faults for tests of recovery: where in a stretch a worker dies, throws, dawdles, hangs, runs out of memory or swallows its reply.
// Without a fault nothing of this runs: the steps themselves know nothing of it.

import type { TrainingStep } from '../core/step.ts';
import type { Fault, TrainReply } from './protocol.ts';

/** Raised in tests in place of an unexpected error in a worker. */
export class InjectedFault extends Error {}

const SLOW_MS = 200;

/**
 * Runs a stretch with a fault in it. A fault at a tile or a block comes when that piece is done and the next one is not, in
 * whichever worker has it: parameters are then half of one step and half of the next.
 */
export function withFault(
  fault: Fault,
  step: TrainingStep,
  rank: number,
  exit: () => never,
  run: (atStep: (now: number) => void) => TrainReply,
): TrainReply {
  const { tile, block } = fault;
  const mine = tile === undefined && block === undefined && (fault.rank ?? 0) === rank;
  const { pass, finish } = step;
  const splits = (now: number, first: number, last: number, piece: number | undefined): piece is number =>
    now === fault.step && piece !== undefined && first <= piece && piece < last;
  step.pass = (now, first, last) => {
    if (!splits(now, first, last, tile)) return pass.call(step, now, first, last);
    pass.call(step, now, first, tile + 1);
    inject(fault, exit);
    pass.call(step, now, tile + 1, last);
  };
  step.finish = (now, first, last) => {
    if (!splits(now, first, last, block)) return finish.call(step, now, first, last);
    const bad = finish.call(step, now, first, block + 1);
    inject(fault, exit);
    return finish.call(step, now, block + 1, last) || bad;
  };
  try {
    const reply = run((now) => {
      if (mine && now === fault.step && fault.kind !== 'lost') inject(fault, exit);
    });
    if (mine && fault.kind === 'lost') sleep(Number.POSITIVE_INFINITY);
    return reply;
  } finally {
    // The step's own methods come to light again.
    Reflect.deleteProperty(step, 'pass');
    Reflect.deleteProperty(step, 'finish');
  }
}

/** What happens at the place of a fault. */
export function inject(fault: Fault, exit: () => never): void {
  const { kind, step, ms = SLOW_MS } = fault;
  if (kind === 'exit') exit();
  if (kind === 'throw') throw new InjectedFault(`fault injected at step ${step}`);
  if (kind === 'memory') hoard();
  sleep(kind === 'slow' ? ms : Number.POSITIVE_INFINITY);
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Takes memory until the thread has none left. */
function hoard(): never {
  const kept: unknown[] = [];
  for (;;) kept.push(new Array(100_000).fill({}));
}
