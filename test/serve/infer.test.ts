// Answers over HTTP are those of runtime.predict to the last bit, in JSON and in binary tensors, for every kind of model, alone and among others.

import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { reseeded } from '../../src/core/posteriors/mixture.ts';
import type { Prediction } from '../../src/core/predictive/prediction.ts';
import {
  type Answer,
  COLUMNS,
  call,
  type ModelName,
  outputs,
  POINT,
  POSTERIORS,
  post,
  type Running,
  request,
  rowsFor,
  runtime,
  start,
} from './harness.ts';

let server: Running;
beforeAll(async () => {
  server = await start();
});

const at = (name: string, rest = 'infer') => `${server.url}/v2/models/${name}/${rest}`;
const NAMES = Object.keys(POSTERIORS) as ModelName[];
const FIELDS: Record<string, keyof Prediction> = {
  mean: 'mean',
  variance: 'variance',
  epistemic: 'epistemic',
  aleatoric: 'aleatoric',
  probabilities: 'mean',
  predictive_entropy: 'predictiveEntropy',
  mutual_information: 'mutualInformation',
};

/** Holds every output of an answer to a prediction. */
function expectEqual(answer: Answer, prediction: Prediction, what: string): void {
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  let compared = 0;
  for (const [name, { data, datatype, shape }] of Object.entries(outputs(answer))) {
    expect(shape[0], name).toBe(prediction.rows);
    const field = FIELDS[name];
    if (field === undefined) continue;
    const values = prediction[field] as Float64Array | Float32Array;
    expect(datatype).toBe(values instanceof Float32Array ? 'FP32' : 'FP64');
    expect(data, `${what}: ${name}`).toEqual([...values]);
    compared++;
  }
  expect(compared, what).toBeGreaterThan(0);
}

describe.each(NAMES)('%s', (name) => {
  test.each(['sample', 'marginal', 'mean'] as const)('mode %s: the bits of runtime.predict', async (mode) => {
    const rows = rowsFor(name, 21);
    const draws = 11;
    const given = await post(at(name), request(rows, { parameters: { draws, mode } }));
    expectEqual(given, await runtime.predict(POSTERIORS[name], rows, { draws, mode }), mode);
  });

  test('a seed: the bits of the same posterior with that seed, of both kinds of seed', async () => {
    const rows = rowsFor(name, 3);
    for (const seed of ['other', 7]) {
      const given = await post(at(name), request(rows, { parameters: { draws: 6, seed } }));
      expectEqual(
        given,
        await runtime.predict(reseeded(POSTERIORS[name], seed), rows, { draws: 6 }),
        `${seed}`,
      );
      expect(given.body.parameters).toEqual({ draws: 6, mode: 'sample', seed });
    }
  });

  test('every output by its name, all of them together', async () => {
    const { body } = await call(at(name, ''));
    const names = body.outputs.map((output: { name: string }) => output.name);
    const rows = rowsFor(name, 5);
    const answer = await post(
      at(name),
      request(rows, { outputs: names.map((n: string) => ({ name: n })), parameters: { draws: 4 } }),
    );
    const found = outputs(answer);
    expect(Object.keys(found)).toEqual(names);
    for (const { name: output, shape, datatype } of body.outputs) {
      expect(found[output].datatype).toBe(datatype);
      expect(found[output].shape).toHaveLength(shape.length);
      for (const [d, size] of shape.entries()) if (size >= 0) expect(found[output].shape[d]).toBe(size);
      expect(found[output].data).toHaveLength(found[output].shape.reduce((a: number, b: number) => a * b, 1));
    }
    const draws: number[] = [];
    for await (const draw of runtime.draws(POSTERIORS[name], rows, { draws: 4 })) draws.push(...draw.values);
    const K = POSTERIORS[name].model.outputSize;
    // [draw, row, k] there, [row, draw, k] here.
    const turned = draws.map((_, i) => {
      const [row, draw, k] = [Math.floor(i / (4 * K)), Math.floor(i / K) % 4, i % K];
      return draws[(draw * rows.length + row) * K + k];
    });
    expect(found.draws.data).toEqual(turned);
  });

  test('streamed: each event is the answer for its draws, the last the plain answer', async () => {
    const body = JSON.stringify(request(rowsFor(name, 2), { parameters: { draws: 37, mode: 'marginal' } }));
    const response = await fetch(at(name, 'infer_stream'), { method: 'POST', body });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = (await response.text())
      .trimEnd()
      .split('\n\n')
      .map((event) => JSON.parse(event.replace(/^data: /, '')));
    expect(events.map(({ parameters }) => parameters.draws)).toEqual([8, 16, 32, 37]);
    expect(events.at(-1)).toEqual((await post(at(name), body)).body);
    const early = request(rowsFor(name, 2), { parameters: { draws: 16, mode: 'marginal' } });
    expect(events[1]).toEqual((await post(at(name), early)).body);
  });
});

test('a posterior of one network answers in its one draw, and has no mode marginal', async () => {
  const { url } = await start({ models: [{ name: 'point', posterior: POINT }] });
  const infer = `${url}/v2/models/point/infer`;
  const rows = rowsFor('pair', 3);
  const answer = await post(
    infer,
    request(rows, { parameters: { draws: 50 }, outputs: [{ name: 'mean' }, { name: 'draws' }] }),
  );
  const { mean } = await runtime.predict(POINT, rows);
  expect(outputs(answer).mean.data).toEqual([...mean]);
  expect(outputs(answer).draws).toMatchObject({ shape: [3, 1, 1], data: [...mean] });
  expect(answer.body.parameters).toEqual({ draws: 1, mode: 'mean' });
  const refused = await post(infer, request(rows, { parameters: { mode: 'marginal' } }));
  const message = /^parameters\.mode: expected sample or mean for the posterior point, got marginal/;
  expect(refused).toMatchObject({ status: 400, body: { error: expect.stringMatching(message) } });
  expect((await call(`${url}/v2/models/point`)).body.parameters.modes).toEqual(['sample', 'mean']);
});

test('a tolerance: each row takes the draws it needs, and answers as for that many draws', async () => {
  const rows = [...rowsFor('kinds', 7), [0, 0, 0, 0], [40, -40, 40, 40]];
  const parameters = { tolerance: 0.02, min_draws: 16, max_draws: 600, mode: 'marginal' };
  const outputs_ = ['probabilities', 'monte_carlo_error', 'row_draws'].map((name) => ({ name }));
  const answer = await post(at('kinds'), request(rows, { parameters, outputs: outputs_ }));
  const { probabilities, monte_carlo_error: errors, row_draws: counts } = outputs(answer);
  expect(new Set(counts.data).size).toBeGreaterThan(1);
  for (const [r, row] of rows.entries()) {
    const draws = counts.data[r] as number;
    expect([16, 32, 64, 128, 256, 512, 600]).toContain(draws);
    const { mean, epistemic } = await runtime.predict(POSTERIORS.kinds, [row], { draws, mode: 'marginal' });
    expect(probabilities.data.slice(3 * r, 3 * r + 3)).toEqual([...mean]);
    expect(errors.data.slice(3 * r, 3 * r + 3)).toEqual(
      [...epistemic].map((v) => Math.sqrt(v / (draws - 1))),
    );
    if (draws < 600)
      expect(Math.max(...(errors.data.slice(3 * r, 3 * r + 3) as number[]))).toBeLessThanOrEqual(0.02);
  }
  const { draws } = answer.body.parameters;
  expect(draws).toBe(Math.max(...(counts.data as number[])));
  const plain = await post(at('kinds'), request(rows, { parameters: { tolerance: 0.5 } }));
  expect(outputs(plain).row_draws).toMatchObject({ datatype: 'INT32', data: Array(9).fill(32) });
  for (const [given, field] of [
    [{ tolerance: 0 }, 'tolerance'],
    [{ tolerance: 0.1, draws: 5 }, 'draws'],
    [{ min_draws: 5 }, 'min_draws'],
    [{ tolerance: 0.1, min_draws: 1 }, 'min_draws'],
    [{ tolerance: 0.1, max_draws: 20 }, 'max_draws'],
  ] as const) {
    const refused = await post(at('kinds'), request(rows, { parameters: given }));
    expect(refused, field).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(`^parameters\\.${field}: `) },
    });
  }
});

test('label names the most probable class; classes and outputs stand in the metadata', async () => {
  const rows = rowsFor('kinds', 40);
  const answer = await post(at('kinds'), request(rows, { parameters: { draws: 5 } }));
  const { label, probabilities } = outputs(answer);
  const { mean } = await runtime.predict(POSTERIORS.kinds, rows, { draws: 5 });
  const wanted = rows.map((_, r) => {
    const p = [...mean.subarray(3 * r, 3 * r + 3)];
    return POSTERIORS.kinds.classNames[p.indexOf(Math.max(...p))];
  });
  expect(label.data).toEqual(wanted);
  expect(new Set(wanted).size).toBeGreaterThan(1);
  expect(probabilities.shape).toEqual([40, 3]);
});

test('quantiles are in the shape [rows, outputs, levels], as a list, as text, and by default', async () => {
  const rows = rowsFor('pair', 4);
  const { quantiles } = await runtime.predict(POSTERIORS.pair, rows, { draws: 9, quantiles: [0.25, 0.9] });
  const wanted = Array.from({ length: 8 }, (_, i) => quantiles!.map(({ values }) => values[i])).flat();
  for (const levels of [[0.25, 0.9], '0.25, 0.9']) {
    const answer = await post(at('pair'), request(rows, { parameters: { draws: 9, quantiles: levels } }));
    expect(outputs(answer).quantiles).toMatchObject({ shape: [4, 2, 2], data: wanted });
    expect(Object.keys(outputs(answer))).toEqual(['mean', 'variance', 'epistemic', 'aleatoric', 'quantiles']);
  }
  const byDefault = await post(at('pair'), request(rows, { outputs: [{ name: 'quantiles' }] }));
  expect(outputs(byDefault).quantiles.shape).toEqual([4, 2, 3]);
  expect(byDefault.body.parameters.quantiles).toBe('0.05,0.5,0.95');
});

test('one tensor for each column by its name, in any order and type, is the same as x', async () => {
  const rows = rowsFor('curve', 3).map((row) => row.map((value, c) => (c === 2 ? Math.round(value) : value)));
  const column = (c: number, datatype: string, shape: number[]) => ({
    name: COLUMNS[c],
    datatype,
    shape,
    data: rows.map((row) => row[c]),
  });
  const inputs = [column(2, 'INT64', [3, 1]), column(0, 'FP64', [3]), column(1, 'FP64', [3])];
  const [a, b] = [await post(at('curve'), { inputs }), await post(at('curve'), request(rows))];
  expect(a.status, JSON.stringify(a.body)).toBe(200);
  expect(a.body).toEqual(b.body);
});

describe('binary tensors', () => {
  const FP32 = (rows: number[][]) => Buffer.from(Float32Array.from(rows.flat()).buffer);
  const inBinary = (rows: number[][], more: object, bytes = FP32(rows)) => {
    const json = Buffer.from(
      JSON.stringify({
        inputs: [
          {
            name: 'x',
            shape: [rows.length, rows[0].length],
            datatype: 'FP32',
            parameters: { binary_data_size: bytes.length },
          },
        ],
        ...more,
      }),
    );
    return { body: Buffer.concat([json, bytes]), header: String(json.length) };
  };
  const rounded = (rows: number[][]) => rows.map((row) => row.map(Math.fround));

  test('in and out, gzipped and not, without a content type: the bits of runtime.predict', async () => {
    const rows = rowsFor('kinds', 7);
    const { body, header } = inBinary(rows, { parameters: { draws: 6, binary_data_output: true } });
    const wanted = await runtime.predict(POSTERIORS.kinds, rounded(rows), { draws: 6 });
    for (const coding of ['identity', 'gzip']) {
      const response = await fetch(at('kinds'), {
        method: 'POST',
        headers: {
          'inference-header-content-length': header,
          'content-encoding': coding,
          'accept-encoding': coding,
        },
        body: new Blob([new Uint8Array(coding === 'gzip' ? gzipSync(body) : body)]),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(response.status, bytes.toString()).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/octet-stream');
      const length = Number(response.headers.get('inference-header-content-length'));
      const { outputs: described } = JSON.parse(bytes.subarray(0, length).toString());
      const place = new Map<string, Buffer>();
      let from = length;
      for (const { name, parameters } of described) {
        place.set(name, Buffer.from(bytes.subarray(from, from + parameters.binary_data_size)));
        from += parameters.binary_data_size;
      }
      expect(from).toBe(bytes.length);
      expect(place.get('probabilities')).toEqual(Buffer.from(wanted.mean.buffer));
      expect(place.get('mutual_information')).toEqual(Buffer.from(wanted.mutualInformation!.buffer));
      expect(place.get('label')!.readUInt32LE(0)).toBeGreaterThan(0);
    }
  });

  test('a raw body of one input; binary_data of an output comes before binary_data_output', async () => {
    const rows = rowsFor('pair', 3);
    const raw = await fetch(at('pair'), {
      method: 'POST',
      headers: { 'inference-header-content-length': '0' },
      body: new Uint8Array(FP32(rows)),
    });
    const bytes = Buffer.from(await raw.arrayBuffer());
    expect(raw.status, bytes.toString()).toBe(200);
    const wanted = await runtime.predict(POSTERIORS.pair, rounded(rows));
    const length = Number(raw.headers.get('inference-header-content-length'));
    expect(bytes.subarray(length, length + 48)).toEqual(Buffer.from(wanted.mean.buffer));
    const mixed = inBinary(rows, {
      parameters: { binary_data_output: true },
      outputs: [{ name: 'mean', parameters: { binary_data: false } }],
    });
    const answer = await call(at('pair'), {
      method: 'POST',
      headers: { 'inference-header-content-length': mixed.header },
      body: new Uint8Array(mixed.body),
    });
    expect(outputs(answer).mean.data).toEqual([...wanted.mean]);
  });

  test.each([
    ['a byte too many', 1, 0, /^body: expected no bytes after the tensors, got 1 more/],
    [
      'a byte too few',
      -1,
      0,
      /^inputs\[0\]\.parameters\.binary_data_size: expected at most the 23 bytes left, got 24/,
    ],
    [
      'a header beyond the body',
      0,
      4000,
      /^Inference-Header-Content-Length: expected a number of bytes up to/,
    ],
  ])('%s is an error that names the field', async (_, more, length, message) => {
    const rows = rowsFor('pair', 3);
    const { body, header } = inBinary(rows, {});
    const sent = more < 0 ? body.subarray(0, more) : Buffer.concat([body, Buffer.alloc(more)]);
    const answer = await call(at('pair'), {
      method: 'POST',
      headers: { 'inference-header-content-length': length === 0 ? header : String(length) },
      body: new Uint8Array(sent),
    });
    expect(answer).toMatchObject({ status: 400, body: { error: expect.stringMatching(message) } });
  });
});

test('many callers at once get the bits they get alone, whatever their settings', async () => {
  const asked = Array.from({ length: 60 }, (_, n) => {
    const name = NAMES[n % NAMES.length];
    const rows = rowsFor(name, 1 + ((n * 7) % 40), n);
    const mode = (['sample', 'marginal', 'mean'] as const)[n % 3];
    const draws = 4 + (n % 2) * 5;
    return { name, rows, mode, draws };
  });
  const answers = await Promise.all(
    asked.map(({ name, rows, mode, draws }) =>
      post(at(name), request(rows, { parameters: { mode, draws } })),
    ),
  );
  for (const [n, { name, rows, mode, draws }] of asked.entries())
    expectEqual(
      answers[n],
      await runtime.predict(POSTERIORS[name], rows, { mode, draws }),
      `${name} ${mode} ${n}`,
    );
  const { body } = await call(`${server.url}/v2/models/pair/stats`);
  expect(body.model_stats[0].inference_count).toBeGreaterThan(0);
  expect(body.model_stats[0].execution_count).toBeLessThanOrEqual(body.model_stats[0].inference_count);
});
