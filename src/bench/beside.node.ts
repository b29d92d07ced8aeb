// What ran beside a measurement: load averages and how much of the machine other processes took. Says nothing where the system
// does not tell.

import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';

export interface Beside {
  /** Load averages over 1, 5 and 15 minutes before and after; the measurement itself is in the second. */
  readonly load: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** Cores' worth of CPU time that other processes used while measuring; null where /proc/stat is missing. */
  readonly otherCores: number | null;
  /** Cores' worth that a hypervisor gave to others; null likewise. */
  readonly stolenCores: number | null;
  readonly seconds: number;
}

interface Ticks {
  readonly busy: number;
  readonly stolen: number;
  readonly total: number;
}

/** CPU time of the whole machine so far, in ticks (proc_stat(5)). */
function ticks(): Ticks | null {
  try {
    const [line] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
    const [user, nice, system, idle, wait, irq, softirq, stolen] = line
      .trim()
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const busy = user + nice + system + irq + softirq;
    return { busy, stolen, total: busy + idle + wait + stolen };
  } catch {
    return null; // Not Linux: nothing to tell.
  }
}

/**
 * Begins to watch; the function it returns ends that and tells. `children` is CPU time in seconds that processes of the
 * measurement itself used, which are not "others".
 */
export function watchBeside(): (children?: number) => Beside {
  const before = { load: loadavg(), ticks: ticks(), own: process.cpuUsage(), at: performance.now() };
  return (children = 0) => {
    const seconds = (performance.now() - before.at) / 1000;
    const after = ticks();
    const { user, system } = process.cpuUsage(before.own);
    const own = (user + system) / 1e6 + children;
    const load = { before: before.load, after: loadavg() };
    if (after === null || before.ticks === null || after.total <= before.ticks.total)
      return { load, otherCores: null, stolenCores: null, seconds };
    const perTick = availableParallelism() / (after.total - before.ticks.total);
    const busyCores = (after.busy - before.ticks.busy) * perTick;
    return {
      load,
      otherCores: Math.max(0, busyCores - own / seconds),
      stolenCores: (after.stolen - before.ticks.stolen) * perTick,
      seconds,
    };
  };
}
