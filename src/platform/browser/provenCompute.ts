// `compute` in a browser: engines there update themselves, so each worker checks its kernels against the reference, and again when
// they are warm.

import type { BackendFactory } from '../../backend/backend.ts';
import { KernelProof } from '../../backend/proof.ts';
import { createCompute } from '../../workers/compute.ts';
import type { WorkerHost } from '../../workers/host.ts';
import type { Reply, Request } from '../../workers/protocol.ts';

/** @throws BackendUnavailableError before a request would be computed with other bits */
export function createProvenCompute(host: WorkerHost): (request: Request) => Reply {
  const compute = createCompute(host);
  const prove = prover(host);
  return (request) => {
    if (request.kind !== 'release') prove(request.job.backend, request.job.compiled);
    return compute(request);
  };
}

/** Checks the kernels of a backend against the reference before some of their uses (KernelProof.ask). */
export function prover(host: WorkerHost): (backend: string, compiled: unknown) => void {
  const proofs = new Map<BackendFactory, KernelProof>();
  return (backend, compiled) => {
    const factory = host.backends.named(backend);
    if (!factory.reproducible) return;
    const proof = proofs.get(factory) ?? new KernelProof(factory, compiled);
    proofs.set(factory, proof);
    proof.ask();
  };
}
