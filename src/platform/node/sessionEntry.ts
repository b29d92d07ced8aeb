// The thread of a session on Node.

import { type MessagePort, parentPort } from 'node:worker_threads';
import { answerSession } from '../sessionCalls.ts';
import { nodeEndpoint } from './endpoint.ts';
import { nodeWorkerHost } from './workerHost.ts';

answerSession(nodeWorkerHost, nodeEndpoint(parentPort as MessagePort));
