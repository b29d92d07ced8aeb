// Fastify, an optional package that only a server loads: found on demand, with one line that says what to do where it is absent.

import { createRequire } from 'node:module';
import type * as Fastify from 'fastify';
import { ConfigError } from '../../errors.ts';

/** @throws ConfigError where the package is not installed */
export async function loadFastify(): Promise<typeof Fastify> {
  try {
    return await import('fastify');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new ConfigError('serve: expected the package fastify, got none — run npm install fastify', {
      cause,
    });
  }
}

/** The version that is installed; null where there is none. */
export function fastifyVersion(): string | null {
  try {
    return (createRequire(import.meta.url)('fastify/package.json') as { version: string }).version;
  } catch {
    return null; // Not installed.
  }
}
