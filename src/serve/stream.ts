// An answer that grows with its draws: server-sent events with the statistics of the first 8, 16, 32 … draws, the last event equal to the
// plain answer. Draw s does not depend on how many are asked for, so each event is the answer to a request for fewer draws.

import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { drawSteps } from '../runtime/adaptiveDraws.ts';
import type { ServerCore } from './core.ts';
import { type Caller, compute, encode, type Plan } from './infer.ts';
import type { ServedModel } from './models/served.ts';
import { asProblem, badField, RequestProblem } from './problem.ts';
import type { InferRequest } from './protocol/request.ts';

/** Draws of the first event. Twice as many each time: all events together cost less than twice the last. */
const FIRST_DRAWS = 8;

export interface Streamed {
  readonly served: ServedModel;
  readonly parsed: InferRequest;
  readonly plan: Plan;
  readonly caller: Caller;
  readonly reply: FastifyReply;
}

/** @throws RequestProblem as long as no event was sent; later problems are events of type `error` */
export async function streamAnswer(core: ServerCore, streamed: Streamed): Promise<FastifyReply> {
  const { served, parsed, plan, caller, reply } = streamed;
  const { settings, wanted, deadlineMs, x } = plan;
  const unfit = wanted.find(({ binary, kind }) => binary || kind === 'draws');
  if (unfit !== undefined) {
    const got = unfit.binary ? 'binary data' : 'draws';
    throw badField(unfit.at, 'statistics as JSON', got, 'use infer in place of infer_stream');
  }
  if (plan.adaptive !== null) {
    const next = 'use infer, or stream to a fixed number of draws';
    throw badField('parameters.tolerance', 'none in a stream', `${plan.adaptive.tolerance}`, next);
  }
  const steps =
    settings.mode === 'mean'
      ? [settings.draws]
      : drawSteps(Math.max(FIRST_DRAWS, served.members), settings.draws);
  const start = performance.now();
  const { raw } = reply;
  let [queueMs, computeMs] = [0, 0];
  for (const draws of steps) {
    const part = {
      ...plan,
      settings: { ...settings, draws },
      deadlineMs: deadlineMs - (performance.now() - start),
    };
    let event: string;
    try {
      const computed = await compute(served, part, caller, core.gate);
      queueMs += computed.queueMs;
      computeMs += computed.computeMs;
      event = `data: ${encode(served, parsed, part, computed).body.toString()}\n\n`;
    } catch (thrown) {
      const error = asProblem(thrown);
      if (!raw.headersSent) throw thrown;
      if (error !== thrown) reply.log.warn(thrown);
      else if (!(error instanceof RequestProblem)) reply.log.error(error);
      const message =
        error instanceof RequestProblem ? error.message : 'server: a fault of its own — see the log';
      raw.end(`event: error\ndata: ${JSON.stringify({ error: message })}\n\n`);
      return reply;
    }
    if (!raw.headersSent) {
      reply.hijack();
      raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-request-id': reply.request.id,
      });
    }
    if (!raw.write(event) && !raw.destroyed) await Promise.race([once(raw, 'drain'), once(raw, 'close')]);
  }
  raw.end();
  const total = performance.now() - start;
  served.statistics.success(x.rows, { total, input: 0, queue: queueMs, compute: computeMs, output: 0 });
  core.answered(served, x.rows, total, 200);
  return reply;
}
