// varpool/serve: an HTTP server for fitted posteriors. It needs the package fastify, which nothing else of varpool loads.

export type { PosteriorSource } from './models/source.ts';
export type { Limits, Server, ServerOptions } from './options.ts';
export { createServer } from './server.ts';
