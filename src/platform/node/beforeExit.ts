// Listeners for the moment at which the process has nothing left to do: any number of them behind one of the process, which would
// warn of more than ten.

const listeners = new Set<() => void>();

function callAll(): void {
  for (const listener of [...listeners]) listener();
}

/** @returns takes the listener back */
export function beforeExit(listener: () => void): () => void {
  if (listeners.size === 0) process.on('beforeExit', callAll);
  listeners.add(listener);
  return () => {
    if (listeners.delete(listener) && listeners.size === 0) process.off('beforeExit', callAll);
  };
}
