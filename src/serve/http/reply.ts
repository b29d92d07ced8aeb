// Writes answers: JSON with exactly the content type that clients of the protocol look for, errors in its form, compressed where that is asked for.

import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import type { FastifyReply } from 'fastify';
import { mismatch } from '../../messages.ts';
import { RequestProblem } from '../problem.ts';
import type { Encoded } from '../protocol/response.ts';

/** Without a charset: KServe's client shows an error's text for this type alone. */
const JSON_TYPE = 'application/json';

/** Answers below this many bytes are not compressed. */
const MIN_COMPRESSED = 4096;

export function sendJson(reply: FastifyReply, status: number, value: unknown): FastifyReply {
  return reply
    .code(status)
    .header('content-type', JSON_TYPE)
    .send(Buffer.from(JSON.stringify(value)));
}

/** An error of any kind as an answer; all but deliberate refusals are faults of the server, which `log` gets in full. */
export function sendProblem(
  reply: FastifyReply,
  error: unknown,
  log: (error: unknown) => void,
): FastifyReply {
  if (error instanceof RequestProblem) {
    if (error.retryAfter !== null) reply.header('retry-after', String(error.retryAfter));
    if (error.status === 401) reply.header('www-authenticate', 'Bearer');
    // The rest of the body is not read.
    if ([408, 413, 415].includes(error.status)) reply.header('connection', 'close');
    return sendJson(reply, error.status, { error: error.message });
  }
  const { statusCode, message } = error as { statusCode?: unknown; message?: unknown };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    const flaw = `a flaw (${String(message).slice(0, 120)})`;
    const text = mismatch('request', 'one that can be read', flaw, 'see /openapi.json for what there is');
    return sendJson(reply, statusCode, { error: text });
  }
  log(error);
  const next = `see the log for request ${reply.request.id}`;
  return sendJson(reply, 500, { error: `server: expected an answer, got a fault of its own — ${next}` });
}

/** An answer to an inference request. */
export async function sendEncoded(reply: FastifyReply, encoded: Encoded): Promise<FastifyReply> {
  const { headerLength } = encoded;
  if (headerLength !== null) reply.header('inference-header-content-length', String(headerLength));
  reply.header('content-type', headerLength === null ? JSON_TYPE : 'application/octet-stream');
  const coding =
    encoded.body.length < MIN_COMPRESSED ? null : accepted(reply.request.headers['accept-encoding']);
  if (coding === null) return reply.send(encoded.body);
  reply.header('content-encoding', coding).header('vary', 'accept-encoding');
  const compress = coding === 'gzip' ? promisify(gzip) : promisify(deflate);
  return reply.send(
    await (compress as (body: Buffer, options: object) => Promise<Buffer>)(encoded.body, { level: 1 }),
  );
}

function accepted(header: string | string[] | undefined): 'gzip' | 'deflate' | null {
  const codings = String(header ?? '')
    .split(',')
    .map((part) =>
      part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*q=/),
    )
    .filter(([, weight]) => weight === undefined || Number(weight) > 0)
    .map(([name]) => name);
  return (['gzip', 'deflate'] as const).find((name) => codings.includes(name)) ?? null;
}
