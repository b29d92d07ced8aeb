// The work of a session's thread behind comlink: the arrays of its answers are moved, not copied, and errors keep their
// codes. The entry of each host's thread calls it.

import { type Endpoint, expose, transfer, transferHandlers } from 'comlink';
import type { WorkerHost } from '../workers/host.ts';
import type { SessionCalls } from '../workers/protocol.ts';
import { buffersOf, PredictionSession } from '../workers/session.ts';
import type { Wire } from './platform.ts';

/**
 * Answers the calls that come over `wire`, for as long as the thread lives.
 * @param prove called before each use of a backend, with its compiled kernels
 */
export function answerSession(
  host: WorkerHost,
  wire: Wire,
  prove: (backend: string, compiled: unknown) => void = () => undefined,
): void {
  let session: PredictionSession;
  let again: () => void;
  const calls: SessionCalls = {
    async open(setup) {
      await host.backends.load(setup.backend, setup.compiled);
      again = () => prove(setup.backend, setup.compiled);
      again();
      session = new PredictionSession(host, setup);
    },
    predict(request) {
      again();
      const prediction = session.predict(request);
      return transfer(prediction, buffersOf(prediction) as never);
    },
  };
  sendErrorCodes();
  expose(calls, wire as unknown as Endpoint);
}

/** Has this thread's comlink send `code` along with an error, which by itself it sends with name, message and stack only. */
function sendErrorCodes(): void {
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
