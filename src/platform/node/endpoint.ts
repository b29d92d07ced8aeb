// A connection over worker_threads as comlink wants to see it.

import type { MessagePort, Worker } from 'node:worker_threads';
import type { Wire } from '../platform.ts';

type Listener = (event: { readonly data: unknown }) => void;

/** A worker, or the port to one's parent, as comlink wants to see it: with the listeners of a browser's. */
export function nodeEndpoint(port: Worker | MessagePort): Wire {
  const listeners = new Map<Listener, (data: unknown) => void>();
  return {
    postMessage: (message, transfer) => port.postMessage(message, transfer as never),
    addEventListener(_type: string, listener: Listener) {
      const onMessage = (data: unknown) => listener({ data });
      listeners.set(listener, onMessage);
      port.on('message', onMessage);
    },
    removeEventListener(_type: string, listener: Listener) {
      const onMessage = listeners.get(listener);
      if (onMessage !== undefined) port.off('message', onMessage);
      listeners.delete(listener);
    },
  };
}
