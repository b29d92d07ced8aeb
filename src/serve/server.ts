// A server as a program has it: made, opened, listening, and closed once the last accepted request is answered. The options are in options.ts.

import { Server as NetServer } from 'node:net';
import { availableParallelism } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { createRuntime } from '../index.ts';
import { ServerCore } from './core.ts';
import { createApp } from './http/app.ts';
import { addRoutes } from './http/routes.ts';
import { readServerOptions, type Server, type ServerOptions } from './options.ts';

/** Time for requests that are on their way when the last accepted one is answered. */
const LINGER_MS = 1000;

/** Looks, 10 ms apart, after which none is on its way: no connection, request or answer came between them. */
const QUIET_LOOKS = 10;

/**
 * Makes an HTTP server for fitted posteriors, by the Open Inference Protocol v2. Answers have the bits of `runtime.predict`.
 * @throws TypeError or RangeError for an option that is wrong; ConfigError where the package fastify is not installed
 */
export async function createServer(options: ServerOptions): Promise<Server> {
  const settings = readServerOptions(options, availableParallelism());
  const runtime = createRuntime({ backend: settings.backend });
  const core = new ServerCore(settings, runtime, (message) => app.log.warn(message));
  const app: FastifyInstance = await createApp(settings, {
    draining: () => core.draining,
    enter: () => core.enter(),
    leave: () => core.leave(),
  });
  addRoutes(app, core);
  await app.ready();
  return new HttpServer(core, app);
}

/** listen() of a server that was closed before it could. */
export class ServerClosedError extends Error {
  override readonly name = 'ServerClosedError';

  constructor() {
    super(
      'listen: expected an open server, got one that was closed while it loaded its models — create another',
    );
  }
}

class HttpServer implements Server {
  #opened: Promise<void> | null = null;
  #poll: NodeJS.Timeout | null = null;
  #closed: Promise<void> | null = null;
  #listening: Promise<unknown> = Promise.resolve();
  /** Connections, requests and answers so far. */
  #events = 0;

  constructor(
    readonly core: ServerCore,
    readonly app: FastifyInstance,
  ) {
    const count = () => void this.#events++;
    app.server.on('connection', count).on('request', (_, response) => {
      count();
      // Its caller may have more to ask.
      response.once('close', count);
    });
  }

  open(): Promise<void> {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  async #open(): Promise<void> {
    const { repository, settings } = this.core;
    await repository.open();
    if (settings.reloadSeconds === 0) return;
    this.#poll = setInterval(() => void repository.poll(), settings.reloadSeconds * 1000);
    this.#poll.unref();
  }

  listen(): Promise<{ readonly url: string; readonly port: number }> {
    const listening = this.#listen();
    // A server that is closed while it opens must not begin to listen once it is closed.
    this.#listening = listening.catch(() => undefined);
    return listening;
  }

  async #listen(): Promise<{ readonly url: string; readonly port: number }> {
    await this.open();
    if (this.#closed !== null) throw new ServerClosedError();
    const { host, port } = this.core.settings;
    const url = await this.app.listen({ host, port });
    return { url, port: Number(new URL(url).port) };
  }

  handle(...[request, response]: Parameters<Server['handle']>): void {
    this.app.routing(request, response);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const { core, app } = this;
    core.draining = true;
    await this.#listening;
    if (this.#poll !== null) clearInterval(this.#poll);
    await core.whenIdle(core.settings.limits.drainMs);
    await this.#refuseUntilQuiet();
    await this.#hangUp();
    await app.close();
    await core.repository.close();
    await core.runtime.close();
  }

  /**
   * Keeps answering 503 while requests come. A connection that the system has taken and the server has not would be reset, and its
   * caller could not know that nothing was done.
   */
  async #refuseUntilQuiet(): Promise<void> {
    if (!this.app.server.listening) return;
    const until = performance.now() + LINGER_MS;
    let seen = -1;
    for (let quiet = 0; quiet < QUIET_LOOKS && performance.now() < until; quiet++) {
      if (this.#events === 0) return;
      if (this.#events !== seen) quiet = 0;
      seen = this.#events;
      await new Promise((next) => setTimeout(next, 10));
    }
  }

  /**
   * Takes no more connections, and gives those that are open time for a request that is on its way: it gets 503 and the end of its
   * connection. Closing them at once, as Node's close does, would break it off.
   */
  async #hangUp(): Promise<void> {
    const { server } = this.app;
    if (!server.listening) return;
    NetServer.prototype.close.call(server);
    const open = () =>
      new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count ?? 0)));
    for (let ms = 0; ms < LINGER_MS && (await open()) > 0; ms += 20)
      await new Promise((next) => setTimeout(next, 20));
    server.closeAllConnections();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
