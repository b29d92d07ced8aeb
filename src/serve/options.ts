// The options of a server, with every default, and what a server is to the program that starts it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type * as z from 'zod';
import { checkOptions } from '../options/check.ts';
import { callback, count, list, oneOf, section, text, unchecked, wholeNumber } from '../options/fields.ts';
import { batchFields, limitFields } from './limits.ts';
import type { PosteriorSource } from './models/source.ts';

export type Limits = z.output<typeof limitFields>;

export interface ServerOptions {
  /** Run directories (`DIRECTORY` or `NAME=DIRECTORY`; a directory of runs 1, 2, … holds versions of one model), or posteriors. */
  readonly models: readonly (string | PosteriorSource)[];
  /** Default 127.0.0.1: this machine alone. */
  readonly host?: string;
  /** Default 8080; 0 takes a free one. */
  readonly port?: number;
  /** As of `createRuntime`; default `auto`. */
  readonly backend?: string;
  /** Threads of each model. Default: one less than cores, at most 4. Answers do not depend on it. */
  readonly threads?: number;
  /** Bytes of drawn weights that each thread keeps; default 256 MiB. */
  readonly cacheBytes?: number;
  /** A bearer token that every request but those for health and the page must carry. Default: none is required. */
  readonly token?: string;
  readonly limits?: Partial<Limits>;
  readonly batching?: { readonly [Name in keyof z.output<typeof batchFields>]?: number };
  /** Seconds between looks at the run directories; 0 never looks. Default 2. */
  readonly reloadSeconds?: number;
  /** What is logged as lines of JSON; default `warn`. */
  readonly logLevel?: (typeof LOG_LEVELS)[number];
  /** Takes each line of the log; default stderr. */
  readonly log?: (line: string) => void;
}

export interface Server extends AsyncDisposable {
  /** Loads the models and listens. @throws what cannot be loaded; an error of the system when the port cannot be had */
  listen(): Promise<{ readonly url: string; readonly port: number }>;
  /** Answers one request of another HTTP server, such as a route of Express; models must have been loaded by `open` or `listen`. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Loads the models without listening. */
  open(): Promise<void>;
  /** Is not ready from now on, finishes what was accepted, refuses the rest, and ends every thread. */
  close(): Promise<void>;
}

/** What a log may hold, most first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** A day. */
export const MAX_RELOAD_SECONDS = 86_400;

/** Most threads of a model where the caller names none: each keeps weights of its own. */
const MOST_THREADS = 4;

const schema = section({
  models: list(
    unchecked<string | PosteriorSource>('A run directory or a posterior.'),
    'a list of run directories or posteriors',
    'What is served.',
  ),
  host: text('a host name or an address', 'Where to listen.').default('127.0.0.1'),
  port: wholeNumber('Port; 0 takes a free one.', 'a port from 0 to 65535')
    .max(65_535, { error: 'a port from 0 to 65535' })
    .default(8080),
  backend: text('a name such as auto, native or wasm', 'What computes.').default('auto'),
  threads: count('Threads of each model.', 1024).optional(),
  cacheBytes: wholeNumber('Bytes of drawn weights that each thread keeps.').default(256 << 20),
  token: text('a token', 'What every request must carry.').optional(),
  limits: limitFields.prefault({}),
  batching: batchFields.prefault({}),
  reloadSeconds: wholeNumber('Seconds between looks at the run directories; 0 never looks.')
    .max(MAX_RELOAD_SECONDS, { error: `at most ${MAX_RELOAD_SECONDS}` })
    .default(2),
  logLevel: oneOf(LOG_LEVELS, 'What is logged.').default('warn'),
  log: callback<(line: string) => void>('Takes each line of the log.').optional(),
});

export type ServerSettings = ReturnType<typeof readServerOptions>;

/** @throws TypeError or RangeError that names the option */
export function readServerOptions(options: ServerOptions, cores: number) {
  const settings = checkOptions('createServer', schema, options);
  if (settings.models.length === 0)
    throw new TypeError(
      'createServer: models: expected at least one, got an empty list — name a run directory',
    );
  return { ...settings, threads: settings.threads ?? Math.max(1, Math.min(MOST_THREADS, cores - 1)) };
}
