// The two ends of a comlink connection over worker_threads: messages, and errors that keep what tells them apart.

import type { MessagePort, Worker } from 'node:worker_threads';
import { transferHandlers } from 'comlink';
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

/** Has this thread's comlink send `code` along with an error, which by itself it sends with name, message and stack only. */
export function sendErrorCodes(): void {
  const thrown = transferHandlers.get('throw');
  if (thrown === undefined)
    throw new TypeError('comlink: expected a handler of errors, got none — use comlink 4');
  transferHandlers.set('throw', {
    ...thrown,
    serialize(value) {
      const [sent, moved] = thrown.serialize(value) as [{ isError: boolean; value: object }, []];
      const error = (value as { value: { code?: unknown } }).value;
      if (sent.isError && typeof error.code === 'string') Object.assign(sent.value, { code: error.code });
      return [sent, moved];
    },
  });
}
