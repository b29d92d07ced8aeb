// The errors a caller may want to catch, each with a stable `code`.
// Every message reads `<where>: expected <what>, got <what> — <next step>` and fits on one line.

/** Base of every error varpool raises on purpose; `code` never changes between versions. */
export abstract class VarpoolError extends Error {
  abstract readonly code: string;
  override get name(): string {
    return this.constructor.name;
  }
}

/** No backend of those asked for can run here; the message lists each one tried and why it is not available. */
export class BackendUnavailableError extends VarpoolError {
  readonly code = 'VARPOOL_BACKEND_UNAVAILABLE';
}

/** A worker thread died more often than it was worth replacing. */
export class WorkerLostError extends VarpoolError {
  readonly code = 'VARPOOL_WORKER_LOST';
}

/** A saved posterior, checkpoint or run directory cannot be read, or is not what it says. */
export class CheckpointError extends VarpoolError {
  readonly code = 'VARPOOL_CHECKPOINT';
}

/** The ELBO or a parameter became NaN or infinite: training stopped at `step`, first seen in `tensor`, of a `member` in an ensemble. */
export class DivergedError extends VarpoolError {
  readonly code = 'VARPOOL_DIVERGED';
  constructor(
    message: string,
    readonly step: number,
    readonly tensor: string,
    readonly member: number | null = null,
  ) {
    super(message);
  }
}

/** A data file cannot be used; the message starts with file, line and column where there is one. */
export class DataError extends VarpoolError {
  readonly code = 'VARPOOL_DATA';
}

/** A config or a command line cannot be used; the message starts with the place. */
export class ConfigError extends VarpoolError {
  readonly code = 'VARPOOL_CONFIG';
}
