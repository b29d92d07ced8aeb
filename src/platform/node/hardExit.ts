// The end of a process that has a thread in native code which never comes back: Node waits for its threads before it exits, for
// ever, so the system ends the process once everything else is done.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
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

function endNow(): ((status: number) => void) | null {
  if (process.platform === 'win32') return null;
  try {
    // A thread in native code got there through koffi, as a rule.
    return require('koffi').load(null).func('_exit', 'void', ['int']) as (status: number) => void;
  } catch {
    return null;
  }
}
