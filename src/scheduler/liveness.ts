// Telling a hung worker from a slow one. Workers count their progress in shared memory; only a count that
// stands still for very much longer than its usual step means that it will never finish.

/** A step that takes this many times the usual one is stuck, not slow; PATIENCE_MS is the least that is waited for. */
const PATIENT_STEPS = 1_000;
export const PATIENCE_MS = 60_000;
/** How long a step takes is unknown until the first is done. */
const FIRST_PATIENCE_MS = 600_000;
/** Looks in the time of the patience. Looks are counted, not time: a machine that sleeps does not look either. */
export const LOOKS = 20;

/** Milliseconds without progress after which a worker is stuck. @param msPerStep what a step takes, 0 while it is not known */
export function patienceOf(msPerStep: number): number {
  return msPerStep === 0 ? FIRST_PATIENCE_MS : Math.max(PATIENCE_MS, PATIENT_STEPS * msPerStep);
}

/** Resolves to whether `pulse` stood still for `patience` milliseconds before `settled` did. */
export function standsStill(
  settled: Promise<unknown>,
  patience: number,
  pulse: () => string | number,
): Promise<boolean> {
  return new Promise((resolve) => {
    let before = pulse();
    let still = 0;
    const timer = setInterval(() => {
      const now = pulse();
      still = now === before ? still + 1 : 0;
      before = now;
      if (still >= LOOKS) done(true);
    }, patience / LOOKS);
    const done = (stuck: boolean) => {
      clearInterval(timer);
      resolve(stuck);
    };
    settled.then(
      () => done(false),
      () => done(false),
    );
  });
}
