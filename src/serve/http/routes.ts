// The endpoints of the Open Inference Protocol and a few beside it. Each is a few lines; the work is done elsewhere.

import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { describeValue, mismatch } from '../../messages.ts';
import type { ServerCore } from '../core.ts';
import { openApi } from '../openapi.ts';
import { page } from '../page/page.ts';
import { badField, RequestProblem } from '../problem.ts';
import { parseJson } from '../protocol/request.ts';
import { inferRoute, type ModelParams } from './inferRoute.ts';
import { sendJson } from './reply.ts';

type Handler = (request: FastifyRequest, reply: FastifyReply) => FastifyReply | Promise<FastifyReply>;

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY'];

export function addRoutes(app: FastifyInstance, core: ServerCore): void {
  const { repository, settings, version } = core;
  const allowed = new Map<string, HTTPMethods[]>();
  const route = (method: 'GET' | 'POST', url: string, handler: Handler, config: object = {}) => {
    app.route({ method, url, handler, config, exposeHeadRoute: method === 'GET' });
    allowed.set(url, [
      ...(allowed.get(url) ?? []),
      ...(method === 'GET' ? (['GET', 'HEAD'] as const) : [method]),
    ]);
  };
  const get = (url: string, handler: Handler, config?: object) => route('GET', url, handler, config);
  const post = (url: string, handler: Handler, config?: object) => route('POST', url, handler, config);
  const open = { open: true };

  get('/v2', (_request, reply) =>
    sendJson(reply, 200, {
      name: 'varpool',
      version,
      extensions: ['binary_tensor_data', 'model_repository', 'statistics'],
    }),
  );
  get('/v2/health/live', (_request, reply) => sendJson(reply, 200, { live: true }), open);
  get(
    '/v2/health/ready',
    (_request, reply) => sendJson(reply, core.ready ? 200 : 503, { ready: core.ready }),
    open,
  );
  get('/v2/models', (_request, reply) => sendJson(reply, 200, { models: repository.index(false) }));
  get('/v2/models/stats', (_request, reply) =>
    sendJson(reply, 200, {
      model_stats: repository.served().map((served) => served.statistics.entry(served.name, served.version)),
    }),
  );
  for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    const served = (request: FastifyRequest) => {
      const { model, version } = request.params as ModelParams;
      return repository.get(model, version);
    };
    get(base, (request, reply) => {
      const found = served(request);
      return sendJson(reply, 200, found.metadata(repository.versions(found.name)));
    });
    get(`${base}/ready`, (request, reply) => {
      const { name, ready } = served(request);
      return sendJson(reply, ready ? 200 : 503, { name, ready });
    });
    get(`${base}/stats`, (request, reply) => {
      const found = served(request);
      return sendJson(reply, 200, { model_stats: [found.statistics.entry(found.name, found.version)] });
    });
    post(`${base}/infer`, inferRoute(core, 'whole'), { counted: true });
    post(`${base}/infer_stream`, inferRoute(core, 'stream'), { counted: true });
  }
  post('/v2/repository/index', (request, reply) => {
    const { ready } = optionalBody(request, ['ready']);
    if (ready !== undefined && typeof ready !== 'boolean')
      throw badField('ready', 'true or false', describeValue(ready), 'leave it out');
    return sendJson(reply, 200, repository.index(ready === true));
  });
  post('/v2/repository/models/:model/load', async (request, reply) => {
    const { parameters } = optionalBody(request, ['parameters']);
    if (parameters !== undefined && Object.keys(parameters as object).length > 0)
      throw badField(
        'parameters',
        'none',
        describeValue(parameters),
        'models are read from their directories',
      );
    await repository.load((request.params as ModelParams).model);
    return sendJson(reply, 200, {});
  });
  post('/v2/repository/models/:model/unload', async (request, reply) => {
    optionalBody(request, ['parameters']);
    await repository.unload((request.params as ModelParams).model);
    return sendJson(reply, 200, {});
  });
  get('/metrics', (_request, reply) =>
    reply.header('content-type', 'text/plain; version=0.0.4').send(Buffer.from(core.metrics.text())),
  );
  get(
    '/openapi.json',
    (_request, reply) => sendJson(reply, 200, openApi(version, settings.token !== undefined)),
    open,
  );
  get('/', (_request, reply) => page(reply, settings.token !== undefined), open);

  for (const [url, methods] of allowed) {
    const others = METHODS.filter((method) => !methods.includes(method));
    const refuse = (request: FastifyRequest, reply: FastifyReply): never => {
      reply.header('allow', methods.join(', '));
      const next = 'see /openapi.json';
      throw new RequestProblem(405, mismatch('method', methods.join(' or '), request.method, next));
    };
    // Refused before a body is read.
    app.route({
      method: others,
      url,
      onRequest: async (request, reply) => refuse(request, reply),
      handler: refuse,
    });
  }
}

/** The fields of a body that may be left out. */
function optionalBody(request: FastifyRequest, known: readonly string[]): Readonly<Record<string, unknown>> {
  const body = request.body as Buffer | undefined;
  if (body === undefined || body.length === 0) return {};
  const value = parseJson(body);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badField('body', 'a map', describeValue(value), 'leave it out');
  for (const name of Object.keys(value))
    if (!known.includes(name))
      throw badField('body', 'known fields', describeValue(name), `known: ${known.join(', ')}`);
  const { parameters } = value as { parameters?: unknown };
  if (
    parameters !== undefined &&
    (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters))
  )
    throw badField('parameters', 'a map', describeValue(parameters), 'leave it out');
  return value as Record<string, unknown>;
}
