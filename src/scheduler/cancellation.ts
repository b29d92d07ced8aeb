// What is to be done when a signal aborts, any number of things behind one listener: an engine warns of a leak at the eleventh
// listener of a signal, and an ensemble, a sweep or a server gives one signal to as many calls as it likes.

interface Fan {
  readonly calls: Set<() => void>;
  readonly listener: () => void;
}

const fans = new WeakMap<AbortSignal, Fan>();

/** Has `call` called when the signal aborts; the function returned takes it back. A signal that has aborted calls nothing. */
export function onAbort(signal: AbortSignal | undefined, call: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const fan = fans.get(signal) ?? newFan(signal);
  if (fan.calls.size === 0) signal.addEventListener('abort', fan.listener);
  fan.calls.add(call);
  return () => {
    fan.calls.delete(call);
    if (fan.calls.size === 0) signal.removeEventListener('abort', fan.listener);
  };
}

function newFan(signal: AbortSignal): Fan {
  const calls = new Set<() => void>();
  const fan = {
    calls,
    listener: () => {
      for (const call of calls) call();
    },
  };
  fans.set(signal, fan);
  return fan;
}
