// varpool's server for the comparison: `varpool.mjs RUN BACKEND THREADS` serves a run as `mnist` on a free port, which it prints.

import { createServer } from '../../../dist/serve/index.js';

const [run, backend, threads] = process.argv.slice(2);
const models = [`mnist=${run}`];
const server = await createServer({ models, port: 0, backend, threads: Number(threads), logLevel: 'error' });
const { port } = await server.listen();
console.log(JSON.stringify({ port, version: `Node ${process.version}` }));
process.once('SIGTERM', () => void server.close());
