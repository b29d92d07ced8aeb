// POST …/infer and …/infer_stream: from the bytes of a body to the bytes of an answer, and what metrics and statistics record.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerCore } from '../core.ts';
import { type Caller, compute, encode, planInfer } from '../infer.ts';
import type { ServedModel } from '../models/served.ts';
import { asProblem, badField, callerGone, RequestProblem } from '../problem.ts';
import { type InferRequest, parseInfer, rawInfer } from '../protocol/request.ts';
import { streamAnswer } from '../stream.ts';
import { headerLength } from './body.ts';
import { sendEncoded } from './reply.ts';

/** The names in a path. */
export interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

export function inferRoute(core: ServerCore, form: 'whole' | 'stream') {
  const { repository, metrics, settings } = core;
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const start = performance.now();
    const { model, version } = request.params as ModelParams;
    let served: ServedModel | null = null;
    let release = () => {};
    try {
      served = repository.get(model, version);
      release = served.hold();
      const parsed = parse(served, request, core);
      const plan = planInfer(served, parsed, settings.limits);
      const caller = callerOf(request, reply);
      const input = performance.now() - start;
      if (form === 'stream') return await streamAnswer(core, { served, parsed, plan, caller, reply });
      const computed = await compute(served, plan, caller, core.gate);
      const before = performance.now();
      const encoded = encode(served, parsed, plan, computed);
      const sent = await sendEncoded(reply, encoded);
      const now = performance.now();
      const { queueMs, computeMs } = computed;
      const total = now - start;
      served.statistics.success(plan.x.rows, {
        total,
        input,
        queue: queueMs,
        compute: computeMs,
        output: now - before,
      });
      core.answered(served, plan.x.rows, total, 200);
      return sent;
    } catch (thrown) {
      const error = asProblem(thrown);
      if (error !== thrown) request.log.warn(thrown);
      const status = error instanceof RequestProblem ? error.status : 500;
      served?.statistics.failure(performance.now() - start);
      // The name of an unknown model would create a series of its own.
      metrics.requests.add({
        model: served?.name ?? '',
        version: served?.version ?? '',
        code: String(status),
      });
      metrics.rejections.add({ code: String(status) });
      throw error;
    } finally {
      release();
    }
  };
}

function parse(served: ServedModel, request: FastifyRequest, { settings }: ServerCore): InferRequest {
  const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
  const length = headerLength(request.headers['inference-header-content-length'], body);
  const { inputSize } = served.loaded.posterior.model;
  const { rows, inflatedBytes } = settings.limits;
  const limits = { rows, elements: Math.max(inputSize, Math.min(rows * inputSize, inflatedBytes)) };
  if (length === 0) return rawInfer(body, inputSize, limits);
  if (body.length === 0) throw badField('body', 'JSON', 'nothing', 'send { "inputs": […] }');
  return parseInfer(body, length, limits);
}

/** The address at the other end. Behind a proxy all requests have one caller, so turns go over requests alone. */
function callerOf(request: FastifyRequest, reply: FastifyReply): Caller {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(callerGone());
  });
  return { name: request.socket.remoteAddress ?? '', signal: gone.signal };
}
