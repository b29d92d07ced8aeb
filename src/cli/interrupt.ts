// Ctrl-C, a request to end, a terminal that closes: the first asks the work to stop after its step, the second ends the process at once.

import { EXIT, InterruptedError } from './failure.ts';
import { note } from './output.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs `work` with a signal that a first interrupt aborts. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      note('\nvarpool: stopping after this step (once more to stop at once)');
      controller.abort(new InterruptedError('interrupted'));
      return;
    }
    // A closing terminal sends it twice, from the shell and from the system: the second is not a request to hurry.
    if (name !== 'SIGHUP') process.exit(EXIT.interrupted);
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}
