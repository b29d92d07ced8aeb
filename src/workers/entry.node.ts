// The thread around `compute`: piscina calls the default export with each request.

import { loadBackend } from '../backend/registry.ts';
import { createCompute } from './compute.ts';
import type { Reply, Request } from './protocol.ts';

const compute = createCompute(() => process.exit(1));

export default (request: Request): Reply | Promise<Reply> => {
  const loading =
    request.kind === 'release' ? undefined : loadBackend(request.job.backend, request.job.compiled);
  return loading === undefined ? compute(request) : loading.then(() => compute(request));
};
