// The HTTP application: Fastify with a body parser, an error handler and hooks of its own. The routes are in routes.ts.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { describeValue, mismatch, oneLine } from '../../messages.ts';
import type { ServerSettings } from '../options.ts';
import { busy, RequestProblem } from '../problem.ts';
import { readBody } from './body.ts';
import { loadFastify } from './fastify.ts';
import { sendProblem } from './reply.ts';

/** What the hooks need of the server. */
export interface Gatekeeper {
  /** True once the server is stopping. */
  draining(): boolean;
  /** Counts a request in; false where too many are under way. */
  enter(): boolean;
  leave(): void;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers while the server drains, and without a token. */
    open?: boolean;
    /** Counts as inference. */
    counted?: boolean;
  }
}

const REQUEST_ID = /^[\w.:-]{1,128}$/;

export async function createApp(settings: ServerSettings, gatekeeper: Gatekeeper): Promise<FastifyInstance> {
  const { fastify, LogController } = await loadFastify();
  const { limits, token, logLevel, log } = settings;
  const stream = {
    write: (line: string) => (log === undefined ? void process.stderr.write(line) : log(line)),
  };
  let ids = 0;
  const app = fastify({
    logger: { level: logLevel, stream },
    logController: new LogController({ disableRequestLogging: true }),
    // A body limit of Fastify's would count compressed bytes: body.ts keeps both.
    bodyLimit: Number.MAX_SAFE_INTEGER,
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : `${process.pid}-${++ids}`;
    },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    keepAliveTimeout: 75_000,
    requestTimeout: 0,
    http: { headersTimeout: 20_000, keepAliveTimeout: 75_000 },
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply as unknown as FastifyReply, error, (fault) => app.log.error(fault));
    },
    clientErrorHandler: answerBadHttp,
  }) as unknown as FastifyInstance;

  app.server.on('checkExpectation', (request, response) => {
    const got = describeValue(request.headers.expect);
    const error = mismatch('Expect', '100-continue or nothing', got, 'leave the header out');
    const body = Buffer.from(JSON.stringify({ error }));
    const type = { 'content-type': 'application/json', 'content-length': body.length };
    response.writeHead(417, { ...type, connection: 'close' }).end(body);
  });
  app.removeAllContentTypeParsers();
  // Also for no content type at all, as tritonclient sends.
  app.addContentTypeParser('*', (_request, payload, done) => {
    readBody(payload, limits).then((body) => done(null, body), done);
  });
  const wanted = token === undefined ? null : digest(token);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    const { open = false, counted = false } = request.routeOptions.config;
    if (gatekeeper.draining()) {
      if (!open) throw busy('server: expected a running server, got one that is stopping — ask another', 1);
    }
    if (!open && wanted !== null) checkToken(request, wanted);
    if (request.method === 'POST') refuseForeignPages(request);
    if (!counted) return;
    if (!gatekeeper.enter()) {
      const expected = `at most ${limits.concurrency} requests at once`;
      throw busy(mismatch('server', expected, 'more', 'try again in 1 s'), 1);
    }
    reply.raw.once('close', () => gatekeeper.leave());
  });
  app.addHook('onSend', async (_request, reply) => {
    if (gatekeeper.draining()) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    if (!request.routeOptions.config.counted && reply.statusCode < 400) return;
    const ms = Math.round(reply.elapsedTime * 1000) / 1000;
    request.log.info({ method: request.method, path: request.url, status: reply.statusCode, ms }, 'answered');
  });
  app.setErrorHandler((error, request, reply) => {
    reply.removeHeader('content-encoding');
    reply.removeHeader('inference-header-content-length');
    void sendProblem(reply, error, (fault) => request.log.error(fault));
  });
  app.setNotFoundHandler((request, reply) => {
    const next = 'see /openapi.json for what there is';
    const message = mismatch('path', 'an endpoint', describeValue(request.url.split('?')[0]), next);
    void sendProblem(reply, new RequestProblem(404, message), () => undefined);
  });
  return app;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares digests, so that neither the time nor the length reveals anything about the token. */
function checkToken(request: FastifyRequest, wanted: Buffer): void {
  const given = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (timingSafeEqual(digest(given.trim()), wanted)) return;
  const got = given === '' ? 'none' : 'another';
  throw new RequestProblem(
    401,
    mismatch('Authorization', 'Bearer and the token', got, 'ask who runs the server'),
  );
}

/** A page of another site may not have a browser change or compute anything here. */
function refuseForeignPages(request: FastifyRequest): void {
  const { origin, host } = request.headers;
  if (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) return;
  const next = 'call from the page at /, or from a program';
  throw new RequestProblem(403, mismatch('Origin', 'this server', describeValue(origin), next));
}

/** Bytes that are not an HTTP request are answered on the socket itself. */
function answerBadHttp(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, phrase] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout']
        : [400, 'Bad Request'];
  const why = oneLine(error.message).slice(0, 120);
  const body = JSON.stringify({
    error: `request: expected HTTP/1.1, got a flaw (${why}) — correct the request`,
  });
  socket.end(
    `HTTP/1.1 ${status} ${phrase}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
