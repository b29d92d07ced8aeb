// The end of a process that could not end by itself: one with a thread in native code which never comes back, for Node waits for its
// threads, or one whose libraries wait in their exit handlers.

import { hasKoffi, koffi } from '../../backend/optionalPackage.node.ts';

let armed = false;

/** From now on the process ends with its exit status when it would have to wait for a thread. */
export function exitWithoutThreads(): void {
  if (armed) return;
  armed = true;
  process.once('exit', (status) => {
    endNow()?.(Number(process.exitCode ?? status));
    process.kill(process.pid, 'SIGKILL');
  });
}

/**
 * From now on the process ends without the exit handlers of libraries, if koffi is loaded by then: koffi's sync standard output and
 * standard error, and where the system refuses that, they wait for ever for a lock that they hold (koffi 3.3.4, StreamWriter::Close).
 */
export function exitPastHandlers(): void {
  process.once('exit', (status) => {
    if (hasKoffi()) endNow()?.(Number(process.exitCode ?? status));
  });
}

function endNow(): ((status: number) => void) | null {
  if (process.platform === 'win32') return null;
  try {
    // A thread in native code got there through koffi, as a rule.
    return koffi().load(null).func('_exit', 'void', ['int']) as (status: number) => void;
  } catch {
    return null;
  }
}
