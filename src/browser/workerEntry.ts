// The one program of every worker in a browser; the first message says which of three it is to be.

import type { Role } from '../platform/browser/messages.ts';
import { answerRequests } from '../platform/browser/poolWorker.ts';
import { prover } from '../platform/browser/provenCompute.ts';
import type { WebEvent, WorkerScope } from '../platform/browser/web.ts';
import { browserWorkerHost } from '../platform/browser/workerHost.ts';
import { answerSession } from '../platform/sessionCalls.ts';
import { answerRuntimeCalls, type RuntimeSetup } from './lone.ts';

const scope = globalThis as unknown as WorkerScope;

function begin({ data }: WebEvent): void {
  scope.removeEventListener('message', begin);
  const given = data as Role;
  if (given.role === 'pool') answerRequests(scope, given);
  else if (given.role === 'session') answerSession(browserWorkerHost, scope, prover(browserWorkerHost));
  else answerRuntimeCalls(scope, given as Role & RuntimeSetup);
}

scope.addEventListener('message', begin);
