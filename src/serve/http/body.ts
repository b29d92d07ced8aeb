// Reads the body of a request within its limits: bytes as sent, bytes after decompression, and time.

import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { describeValue } from '../../messages.ts';
import type { Limits } from '../options.ts';
import { badField, RequestProblem, tooLarge } from '../problem.ts';

type Decompress = (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const DECOMPRESS: Readonly<Record<string, Decompress>> = {
  gzip: promisify(gunzip) as Decompress,
  'x-gzip': promisify(gunzip) as Decompress,
  deflate: promisify(inflate) as Decompress,
  br: promisify(brotliDecompress) as Decompress,
};

/**
 * The whole body, decompressed.
 * @throws RequestProblem 408, 413, 415, or 400 for bytes that do not decompress
 */
export async function readBody(request: IncomingMessage, limits: Limits): Promise<Buffer> {
  const coding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const decompress = DECOMPRESS[coding];
  if (coding !== 'identity' && decompress === undefined) {
    const known = 'gzip, deflate, br or identity';
    const problem = badField('Content-Encoding', known, describeValue(coding), 'send it uncompressed');
    throw new RequestProblem(415, problem.message);
  }
  const body = await collect(request, limits);
  if (coding === 'identity' || body.length === 0) return body;
  try {
    return await decompress(body, { maxOutputLength: limits.inflatedBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge(
        'body',
        `at most ${limits.inflatedBytes} bytes after decompression`,
        'more',
        'send fewer rows',
      );
    throw badField('body', `bytes compressed as ${coding} says`, 'others', 'check Content-Encoding');
  }
}

function collect(request: IncomingMessage, { bodyBytes, bodyMs }: Limits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (settle: () => void) => {
      clearTimeout(timer);
      request.off('data', take).off('end', whole).off('error', gone).off('close', gone);
      settle();
    };
    const tooMuch = () =>
      tooLarge('body', `at most ${bodyBytes} bytes`, 'more', 'send fewer rows in a request');
    const take = (chunk: Buffer) => {
      size += chunk.length;
      if (size > bodyBytes) end(() => reject(tooMuch()));
      else chunks.push(chunk);
    };
    const whole = () => end(() => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    const gone = () =>
      end(() => reject(new RequestProblem(400, 'body: expected all of it, got a part — send it again')));
    const late = () => {
      const message = `body: expected all of it within ${bodyMs} ms, got a part — send it faster or in smaller requests`;
      end(() => reject(new RequestProblem(408, message)));
    };
    const timer = setTimeout(late, bodyMs);
    if (Number(request.headers['content-length'] ?? 0) > bodyBytes) return end(() => reject(tooMuch()));
    request.on('data', take).on('end', whole).on('error', gone).on('close', gone);
  });
}

/** Bytes of JSON before the binary tensors; null where all is JSON. @throws RequestProblem */
export function headerLength(header: string | string[] | undefined, body: Buffer): number | null {
  if (header === undefined) return null;
  const length = typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : Number.NaN;
  if (length <= body.length) return length;
  const expected = `a number of bytes up to those of the body, ${body.length}`;
  throw badField(
    'Inference-Header-Content-Length',
    expected,
    describeValue(header),
    'count the bytes of the JSON',
  );
}
