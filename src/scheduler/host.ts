// What trainings and predictions need of the runtime around them.

import type { BackendFactory } from '../backend/backend.ts';
import type { WorkerPool } from '../platform/platform.ts';
import type { JobBase } from '../workers/protocol.ts';
import type { ArenaPool, Loan } from './arenas.ts';
import type { Seats } from './seats.ts';

/** The runtime, as a job sees it. */
export interface TrainerHost {
  readonly pool: WorkerPool;
  readonly factory: BackendFactory;
  readonly compiled: unknown;
  /** Cores of the machine. */
  readonly cores: number;
  /** Bytes of memory there may still be. */
  availableMemory(): number;
  nextJobId(): number;
  readonly arenas: ArenaPool;
  /** How the trainings under way share the workers out. */
  readonly seats: Seats;
  warn(message: string): void;
  /** Tests only: milliseconds a worker may stand still. */
  readonly patience?: number | undefined;
}

/** What a job in a lent arena tells the workers, whatever it computes. */
export function jobIn(host: TrainerHost, loan: Loan): JobBase {
  return {
    id: host.nextJobId(),
    arena: loan.id,
    evictions: host.arenas.evictions,
    backend: host.factory.name,
    compiled: host.compiled,
    memory: loan.arena.memory,
    threads: loan.arena.threads,
  };
}
