// @ts-check
// What a worker does with the faults of a stretch (faults.ts): where in it the worker dies, throws, dawdles, hangs, runs out of memory or
// swallows its reply. JavaScript, because workers load it as it is (src/workers/hook.ts).

/** @typedef {import('./faults.ts').Fault} Fault */
/** @typedef {import('../../src/workers/hook.ts').StretchHook} StretchHook */

/** Raised in place of an unexpected error in a worker. */
export class InjectedFault extends Error {}

const SLOW_MS = 200;

/**
 * Runs a stretch with faults in it. One at a tile or a block comes when that piece is done and the next one is not, in whichever
 * worker has it: parameters are then half of one step and half of the next.
 * @param {() => never} exit ends the thread
 * @returns {StretchHook}
 */
export const faultHook = (exit) => (order, step, rank, run) => {
  const faults = /** @type {readonly Fault[]} */ (order);
  const mine = faults.filter(
    (fault) => fault.tile === undefined && fault.block === undefined && (fault.rank ?? 0) === rank,
  );
  const { pass, passStage, finish } = step;
  /**
   * Does pieces first … last − 1 with the faults that come between them.
   * @param {'tile' | 'block'} place
   * @param {number} now
   * @param {readonly [number, number]} range
   * @param {(first: number, last: number) => void} work
   */
  const inPieces = (place, now, [first, last], work) => {
    let next = first;
    for (const fault of faults) {
      const piece = fault[place];
      if (fault.step !== now || piece === undefined || piece < next || piece >= last) continue;
      work(next, piece + 1);
      next = piece + 1;
      inject(fault, exit);
    }
    work(next, last);
  };
  step.pass = (now, first, last) =>
    inPieces('tile', now, [first, last], (a, b) => pass.call(step, now, a, b));
  // Where members share a tile, its fault comes between the first stage and the second, in the member with its first part.
  step.passStage = (now, stage, first, last, part, parts) => {
    passStage.call(step, now, stage, first, last, part, parts);
    if (stage !== 0 || part !== 0) return;
    for (const fault of faults)
      if (fault.step === now && fault.tile !== undefined && fault.tile >= first && fault.tile < last)
        inject(fault, exit);
  };
  step.finish = (now, first, last) => {
    let bad = false;
    inPieces('block', now, [first, last], (a, b) => {
      bad = finish.call(step, now, a, b) || bad;
    });
    return bad;
  };
  try {
    const reply = run((now) => {
      for (const fault of mine) if (fault.step === now && fault.kind !== 'lost') inject(fault, exit);
    });
    if (mine.some(({ kind }) => kind === 'lost')) sleep(Number.POSITIVE_INFINITY);
    return reply;
  } finally {
    // The step's own methods come to light again.
    Reflect.deleteProperty(step, 'pass');
    Reflect.deleteProperty(step, 'passStage');
    Reflect.deleteProperty(step, 'finish');
  }
};

export default faultHook(() => process.exit(1));

/**
 * What happens at the place of a fault.
 * @param {Fault} fault
 * @param {() => never} exit
 */
function inject(fault, exit) {
  const { kind, step, ms = SLOW_MS } = fault;
  if (kind === 'exit') exit();
  if (kind === 'throw') throw new InjectedFault(`fault injected at step ${step}`);
  if (kind === 'memory') hoard();
  sleep(kind === 'slow' ? ms : Number.POSITIVE_INFINITY);
}

/** @param {number} ms */
function sleep(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Takes memory until the thread has none left.
 * @returns {never}
 */
function hoard() {
  const kept = [];
  for (;;) kept.push(new Array(100_000).fill({}));
}
