// Messages between a page and the runtime in its one worker, where memory cannot be shared. A call has a number; while it runs, the
// worker sends events, some of which wait for an answer.

import {
  BackendUnavailableError,
  CheckpointError,
  DivergedError,
  type VarpoolError,
  WorkerLostError,
} from '../errors.ts';

export type ToWorker =
  | { readonly kind: 'call'; readonly id: number; readonly method: string; readonly argument: unknown }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'answer'; readonly id: number; readonly error: SentError | null }
  | { readonly kind: 'close' };

export type ToPage =
  | {
      readonly kind: 'event';
      readonly id: number;
      readonly name: string;
      readonly value: unknown;
      readonly asks: boolean;
    }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: SentError }
  /** A warning that belongs to no call. */
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'closed' };

/** An error on its way: a structured clone would lose class, code and fields. */
export interface SentError {
  readonly name: string;
  readonly code: string | null;
  readonly message: string;
  readonly stack: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function sendable(error: unknown): SentError {
  if (!(error instanceof Error))
    return { name: 'Error', code: null, message: String(error), stack: null, fields: {} };
  const { name, message, stack = null, step, tensor, member, code } = error as Partial<DivergedError> & Error;
  const fields = step === undefined ? {} : { step, tensor, member };
  return { name, code: code ?? null, message, stack, fields };
}

type Fields = Readonly<Record<string, never>>;
/** By their codes: a bundler may have given the classes other names. */
const CODED: Readonly<Record<string, (message: string, fields: Fields) => VarpoolError>> = {
  VARPOOL_BACKEND_UNAVAILABLE: (message) => new BackendUnavailableError(message),
  VARPOOL_WORKER_LOST: (message) => new WorkerLostError(message),
  VARPOOL_CHECKPOINT: (message) => new CheckpointError(message),
  VARPOOL_DIVERGED: (message, { step, tensor, member }) => new DivergedError(message, step, tensor, member),
};
const NAMED: Readonly<Record<string, new (message: string) => Error>> = { RangeError, TypeError };

/** The error as it was thrown, of the same class. */
export function revived({ name, code, message, stack, fields }: SentError): Error {
  const error =
    code !== null && Object.hasOwn(CODED, code)
      ? CODED[code](message, fields as Fields)
      : new (Object.hasOwn(NAMED, name) ? NAMED[name] : Error)(message);
  if (stack !== null) error.stack = stack;
  return error;
}
