// A job: a training as plain data, from which every machine makes the same bytes. It names no path, no thread and no process.

import { sha256 } from '../files/tensors/sha256.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Job {
  /** Arithmetic of the kernels: jobs of different epochs have different results. */
  readonly kernelEpoch: number;
  /** All fields of a config that decide the result, defaults included: seed, member, network, training … (docs/decisions/0032). */
  readonly config: { readonly [field: string]: Json };
  /** SHA-256 in hex of each file that is read, in the order in which the config names them. */
  readonly data: readonly string[];
}

/**
 * SHA-256 in hex of the job's canonical form: JSON without white space, keys in the order of their UTF-16 code units. Jobs of one name have
 * one result.
 * @example jobName({ kernelEpoch: 3, config: { seed: 'a' }, data: [] })
 */
export function jobName(job: Job): string {
  return sha256([new TextEncoder().encode(canonical(job as unknown as Json))]);
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`;
}
