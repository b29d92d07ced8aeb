// The thread around a session: comlink calls it, and the arrays of its answers are moved, not copied.

import { type MessagePort, parentPort } from 'node:worker_threads';
import { type Endpoint, expose, transfer } from 'comlink';
import type { SessionCalls } from '../../workers/protocol.ts';
import { buffersOf, PredictionSession } from '../../workers/session.ts';
import { nodeEndpoint, sendErrorCodes } from './endpoint.ts';
import { nodeWorkerHost } from './workerHost.ts';

let session: PredictionSession;

const calls: SessionCalls = {
  async open(setup) {
    await nodeWorkerHost.backends.load(setup.backend, setup.compiled);
    session = new PredictionSession(nodeWorkerHost, setup);
  },
  predict(request) {
    const prediction = session.predict(request);
    return transfer(prediction, buffersOf(prediction) as never);
  },
};

sendErrorCodes();
expose(calls, nodeEndpoint(parentPort as MessagePort) as Endpoint);
