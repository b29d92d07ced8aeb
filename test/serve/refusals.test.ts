// What is refused: with which status, naming which field; limits before and after decompression; tokens, deadlines and crowds.

import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { call, post, type Running, request, rowsFor, start } from './harness.ts';

let server: Running;
beforeAll(async () => {
  server = await start({
    limits: {
      bodyBytes: 20_000,
      inflatedBytes: 40_000,
      rows: 50,
      draws: 100,
      rowDraws: 2000,
      outputValues: 4000,
    },
  });
});
const at = (path: string) => `${server.url}${path}`;

const X = { name: 'x', shape: [1, 2], datatype: 'FP64', data: [1, 2] };
const infer = (change: object) => ({ inputs: [{ ...X, ...change }] });

describe('a wrong request', () => {
  test.each<[string, unknown, RegExp]>([
    ['no JSON', '{"inputs": [', /^body: expected JSON, got a syntax error/],
    [
      'NaN',
      '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":[NaN,1]}]}',
      /send the tensor binary/,
    ],
    ['nothing', '', /^body: expected JSON, got nothing/],
    ['a list', '[]', /^request: expected a map, got an empty list/],
    ['no inputs', {}, /^inputs: expected a list of tensors, got nothing/],
    [
      'unknown field',
      { ...infer({}), input: 1 },
      /^request: expected known fields, got "input" — did you mean inputs\?/,
    ],
    [
      'unknown parameter',
      { ...infer({}), parameters: { drawz: 3 } },
      /^parameters\.drawz: expected a known key.*did you mean draws\?/,
    ],
    [
      'draws as text',
      { ...infer({}), parameters: { draws: '5' } },
      /^parameters\.draws: expected a whole number/,
    ],
    [
      'a sequence',
      { ...infer({}), parameters: { sequence_id: 5 } },
      /^parameters\.sequence_id: expected no sequence/,
    ],
    [
      'a reserved name',
      { ...infer({}), parameters: { triton_x: 5 } },
      /^parameters\.triton_x: expected no reserved/,
    ],
    ['a priority', { ...infer({}), parameters: { priority: 2 } }, /^parameters\.priority: expected 0, got 2/],
    [
      'a level of 1',
      { ...infer({}), parameters: { quantiles: [0.1, 1] } },
      /^parameters\.quantiles\[1\]: expected a level/,
    ],
    [
      'a seed of 1.5',
      { ...infer({}), parameters: { seed: 1.5 } },
      /^parameters\.seed: expected a string or an integer/,
    ],
    [
      'a negative size',
      infer({ shape: [-1, 2] }),
      /^inputs\[0\]\.shape\[0\]: expected a whole number of at least 1, got -1/,
    ],
    ['columns', infer({ shape: [2, 1] }), /^inputs\[0\]\.shape: expected \[rows, 2\], got \[2, 1\]/],
    [
      'a number too few',
      infer({ data: [1] }),
      /^inputs\[0\]\.data: expected 2 values as in the shape, got 1/,
    ],
    [
      'nesting',
      infer({ data: [[1, 2], [3]] }),
      /^inputs\[0\]\.data: expected 1 items as in the shape, got 2/,
    ],
    [
      'null',
      infer({ data: [1, null] }),
      /^inputs\[0\]\.data\[1\]: expected a number of type FP64, got null — fill it in/,
    ],
    [
      'half an integer',
      infer({ datatype: 'INT32', data: [1, 0.5] }),
      /^inputs\[0\]\.data\[1\]: expected an integer from -2147483648/,
    ],
    [
      'too large an integer',
      infer({ datatype: 'UINT8', data: [1, 256] }),
      /^inputs\[0\]\.data\[1\]: expected an integer from 0 to 255/,
    ],
    [
      'texts',
      infer({ datatype: 'BYTES', data: ['a', 'b'] }),
      /^inputs\[0\]\.datatype: expected a type of numbers, got BYTES/,
    ],
    ['a datatype', infer({ datatype: 'FP8' }), /^inputs\[0\]\.datatype: expected one of FP32, FP64/],
    ['beyond float32', infer({ data: [1e300, 0] }), /^inputs\[0\]: expected numbers up to 3\.4e38/],
    ['a name', infer({ name: 'y' }), /^inputs\[0\]\.name: expected x, got "y"/],
    ['the same twice', { inputs: [X, X] }, /^inputs\[1\]\.name: expected each name once, got "x"/],
    [
      'an output',
      { ...infer({}), outputs: [{ name: 'meen' }] },
      /^outputs\[0\]\.name: expected an output.*did you mean mean\?/,
    ],
    [
      'the same output twice',
      { ...infer({}), outputs: [{ name: 'mean' }, { name: 'mean' }] },
      /^outputs\[1\]\.name/,
    ],
    [
      'draws of marginal',
      { ...infer({}), outputs: [{ name: 'draws' }], parameters: { mode: 'marginal' } },
      /^parameters\.mode: expected sample or mean/,
    ],
    [
      'levels for nothing',
      { ...infer({}), outputs: [{ name: 'mean' }], parameters: { quantiles: [0.5] } },
      /^parameters\.quantiles: expected output quantiles/,
    ],
    ['an id of 5', { ...infer({}), id: 5 }, /^id: expected a string/],
  ])('%s: 400', async (_, body, message) => {
    const answer = await post(at('/v2/models/pair/infer'), body);
    expect(answer).toMatchObject({ status: 400, body: { error: expect.stringMatching(message) } });
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.body.error).not.toContain('\n');
  });

  test('of a model with names: a missing and a mistyped column', async () => {
    const column = (name: string) => ({ name, shape: [1], datatype: 'FP32', data: [1] });
    const few = await post(at('/v2/models/curve/infer'), { inputs: [column('age'), column('weight')] });
    expect(few.body.error).toMatch(/^inputs: expected a tensor for each of 3 columns, got none for "height"/);
    const wrong = await post(at('/v2/models/curve/infer'), { inputs: [column('heigth')] });
    expect(wrong.body.error).toMatch(
      /^inputs\[0\]\.name: expected x or the name of a column, got "heigth" — did you mean height\?/,
    );
  });

  test('of a model trained without missing cells: null in a column', async () => {
    const inputs = ['age', 'height', 'weight'].map((name) => ({
      name,
      shape: [2],
      datatype: 'FP64',
      data: [1, name === 'height' ? null : 2],
    }));
    expect(await post(at('/v2/models/curve/infer'), { inputs })).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^inputs: row 1, column "height": expected a value, got null/) },
    });
  });

  test('of classes: quantiles', async () => {
    const answer = await post(
      at('/v2/models/kinds/infer'),
      request(rowsFor('kinds', 1), { parameters: { quantiles: [0.5] } }),
    );
    expect(answer.body.error).toMatch(
      /^parameters\.quantiles: expected a model that predicts numbers, got classes/,
    );
  });

  test('of an ensemble: fewer draws than members', async () => {
    const answer = await post(
      at('/v2/models/several/infer'),
      request(rowsFor('several', 1), { parameters: { draws: 1 } }),
    );
    expect(answer).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^parameters\.draws: expected at least 2/) },
    });
  });
});

describe('a request beyond a limit', () => {
  const rows = (n: number, parameters: object = {}) => request(rowsFor('pair', n), { parameters });
  test.each<[string, unknown, RegExp]>([
    ['bytes', 'x'.repeat(20_001), /^body: expected at most 20000 bytes/],
    ['rows', rows(51), /^inputs\[0\]\.shape\[0\]: expected at most 50 rows, got 51/],
    ['draws', rows(1, { draws: 101 }), /^parameters\.draws: expected at most 100 draws, got 101/],
    [
      'rows × draws',
      rows(50, { draws: 41 }),
      /^parameters\.draws: expected at most 2000 rows × draws, got 50 × 41/,
    ],
    [
      'outputs',
      { ...rows(50, { draws: 40 }), outputs: [{ name: 'draws' }, { name: 'mean' }] },
      /^outputs: expected at most 4000 numbers, got 4100/,
    ],
  ])('%s: 413', async (_, body, message) => {
    const answer = await post(at('/v2/models/pair/infer'), body);
    expect(answer).toMatchObject({ status: 413, body: { error: expect.stringMatching(message) } });
  });

  test('a bomb: 413 at the limit of what it inflates to', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    expect(bomb.length).toBeLessThan(20_000);
    const answer = await call(at('/v2/models/pair/infer'), {
      method: 'POST',
      headers: { 'content-encoding': 'gzip' },
      body: new Uint8Array(bomb),
    });
    expect(answer).toMatchObject({
      status: 413,
      body: { error: expect.stringMatching(/after decompression/) },
    });
  });

  test('an unknown coding: 415; bytes that are not of the coding: 400', async () => {
    const sent = (coding: string) =>
      post(at('/v2/models/pair/infer'), infer({}), { 'content-encoding': coding });
    expect(await sent('zstd')).toMatchObject({
      status: 415,
      body: { error: expect.stringMatching(/^Content-Encoding/) },
    });
    expect(await sent('gzip')).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^body: expected bytes compressed/) },
    });
  });

  test('a body that does not come in: 408 by the clock', async () => {
    const { url } = await start({ limits: { bodyMs: 100 } });
    const status = await new Promise((resolve, reject) => {
      const slow = httpRequest(
        `${url}/v2/models/pair/infer`,
        { method: 'POST', headers: { 'content-length': 50 } },
        ({ statusCode }) => {
          resolve(statusCode);
          slow.destroy();
        },
      );
      slow.on('error', reject);
      slow.write('{');
    });
    expect(status).toBe(408);
  });
});

describe('paths and methods', () => {
  test.each([
    ['GET', '/v3', 404, /^path: expected an endpoint/],
    [
      'GET',
      '/v2/models/pear',
      404,
      /^model: expected a model of this server, got "pear" — did you mean pair\?/,
    ],
    ['GET', '/v2/models/pair/versions/2', 404, /^version: expected one of 1, got "2"/],
    ['GET', '/v2/models/%zz', 400, /./],
    ['GET', '/v2/models/..%2f..%2fetc', 404, /^model: /],
    ['DELETE', '/v2/models/pair', 405, /^method: expected GET or HEAD, got DELETE/],
    ['GET', '/v2/models/pair/infer', 405, /^method: expected POST, got GET/],
    [
      'POST',
      '/v2/repository/models/nobody/load',
      404,
      /^model: expected a model of this server, got "nobody"/,
    ],
  ])('%s %s: %i', async (method, path, status, message) => {
    const answer = await call(at(path), { method });
    expect(answer).toMatchObject({ status, body: { error: expect.stringMatching(message) } });
  });

  test('with and without a version and a slash at the end; health as KServe reads it', async () => {
    for (const path of [
      '/v2/models/pair',
      '/v2/models/pair/',
      '/v2/models/pair/versions/1',
      '/v2/models/pair/versions/1/',
    ])
      expect((await call(at(path))).body).toMatchObject({
        name: 'pair',
        versions: ['1'],
        inputs: [{ name: 'x', shape: [-1, 2] }],
      });
    expect((await call(at('/v2/health/live'))).body).toEqual({ live: true });
    expect((await call(at('/v2/health/ready/'))).body).toEqual({ ready: true });
    expect((await call(at('/v2/models/pair/ready'))).body).toEqual({ name: 'pair', ready: true });
    expect((await call(at('/v2'))).body).toMatchObject({
      name: 'varpool',
      extensions: expect.arrayContaining(['statistics']),
    });
  });

  test('bytes that are no HTTP are answered in JSON', async () => {
    const { port } = new URL(server.url);
    const text = await new Promise<string>((resolve) => {
      let all = '';
      const socket = connect(Number(port), '127.0.0.1', () => socket.write('HELLO\r\n\r\n'));
      socket.on('data', (data) => {
        all += data;
      });
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/json\r\n/);
    expect(JSON.parse(text.split('\r\n\r\n')[1])).toEqual({
      error: expect.stringMatching(/^request: expected HTTP/),
    });
  });

  test('pages of other sites may not post', async () => {
    const answer = await post(at('/v2/models/pair/infer'), infer({}), { origin: 'http://evil.example' });
    expect(answer).toMatchObject({ status: 403, body: { error: expect.stringMatching(/^Origin/) } });
  });
});

test('a token is asked for by everything but health, the page and its document', async () => {
  const { url } = await start({ token: 'sesame' });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  for (const headers of [{}, bearer('sesam'), bearer('sesamee'), { authorization: 'Basic sesame' }])
    expect(await post(`${url}/v2/models/pair/infer`, infer({}), headers)).toMatchObject({ status: 401 });
  expect((await post(`${url}/v2/models/pair/infer`, infer({}), bearer('sesame'))).status).toBe(200);
  expect((await call(`${url}/v2/models`)).headers.get('www-authenticate')).toBe('Bearer');
  for (const path of ['/v2/health/live', '/v2/health/ready', '/openapi.json'])
    expect((await call(`${url}${path}`)).status).toBe(200);
});

test('more requests at once than allowed: 503 with Retry-After, and the first is answered', async () => {
  const { url } = await start({ limits: { concurrency: 1, bodyMs: 20_000 } });
  const body = JSON.stringify(infer({}));
  const first = httpRequest(`${url}/v2/models/pair/infer`, {
    method: 'POST',
    headers: { 'content-length': body.length },
  });
  const answered = new Promise((resolve) => first.on('response', ({ statusCode }) => resolve(statusCode)));
  first.write(body.slice(0, 5));
  let second = await post(`${url}/v2/models/pair/infer`, body);
  // The first may not have arrived yet.
  for (let n = 0; n < 1000 && second.status === 200; n++)
    second = await post(`${url}/v2/models/pair/infer`, body);
  expect(second).toMatchObject({
    status: 503,
    body: { error: expect.stringMatching(/^server: expected at most 1 requests/) },
  });
  expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(0);
  first.end(body.slice(5));
  expect(await answered).toBe(200);
});

test('a full queue is 503 with Retry-After, an answer that is not there in time 504; the others are answered', async () => {
  const { url } = await start({ limits: { queueRows: 5 }, batching: { delayMs: 1000 } });
  const ask = (rows: number, parameters: object) =>
    post(`${url}/v2/models/pair/infer`, request(rowsFor('pair', rows), { parameters }));
  const late = ask(3, { deadline_ms: 1 });
  expect(await late).toMatchObject({
    status: 504,
    body: {
      error: 'deadline_ms: expected an answer within 1 ms, got none — allow more time or ask for less',
    },
  });
  const ends = await Promise.all([ask(3, {}), ask(3, {})]);
  const refused = ends.filter(({ status }) => status === 503);
  expect(ends.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(refused).toHaveLength(1);
  expect(refused[0].body.error).toBe(
    'queue: expected at most 5 rows, got 3 waiting and 3 more — try again in 1 s',
  );
  expect(refused[0].headers.get('retry-after')).toBe('1');
});

test('every answer carries the id of its request, its own or one of ours, and so does its line in the log', async () => {
  const answer = await post(at('/v2/models/pair/infer'), infer({}), { 'x-request-id': 'mine-1' });
  expect(answer.headers.get('x-request-id')).toBe('mine-1');
  expect((await post(at('/v2/models/pair/infer'), infer({}))).headers.get('x-request-id')).toMatch(
    /^\d+-\w+$/,
  );
  const logged = server.lines.map((line) => JSON.parse(line)).find(({ reqId }) => reqId === 'mine-1');
  expect(logged).toMatchObject({ method: 'POST', path: '/v2/models/pair/infer', status: 200 });
});
