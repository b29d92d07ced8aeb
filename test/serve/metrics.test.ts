// What is counted: Prometheus' text is well formed and its numbers are those of the requests; the statistics of the protocol agree with them.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { ServerMetrics } from '../../src/serve/observe/metrics.ts';
import { call, post, request, rowsFor, start } from './harness.ts';

const PYTHON = process.env.VARPOOL_PYTHON ?? 'python3';
const there = spawnSync(PYTHON, ['-c', 'import prometheus_client']).status === 0;

const LINE =
  /^(?:# (?:HELP|TYPE) \w+ .+|\w+(?:\{\w+="(?:[^"\\\n]|\\[\\"n])*"(?:,\w+="(?:[^"\\\n]|\\[\\"n])*")*\})? -?(?:\d+(?:\.\d+)?(?:e[+-]\d+)?|NaN|\+Inf))$/;

/** Values by name and labels as they are written. */
function read(text: string): Record<string, number> {
  expect(text.endsWith('\n')).toBe(true);
  const lines = text.trimEnd().split('\n');
  for (const line of lines) expect(line).toMatch(LINE);
  return Object.fromEntries(
    lines
      .filter((line) => !line.startsWith('#'))
      .map((line) => [line.replace(/ \S+$/, ''), Number(line.split(' ').at(-1))]),
  );
}

test('requests, rows, draws, times, batches and refusals of each model', async () => {
  const { url } = await start();
  const infer = (rows: number, parameters: object) =>
    post(`${url}/v2/models/pair/infer`, request(rowsFor('pair', rows), { parameters }));
  await infer(3, { draws: 5 });
  await infer(70, { draws: 2, mode: 'marginal' });
  await infer(1, { drawz: 5 });
  await post(`${url}/v2/models/nobody"\\/infer`.replace('"\\', '%22%5C'), {});
  const text = await (await fetch(`${url}/metrics`)).text();
  const of = 'model="pair",version="1"';
  expect(read(text)).toMatchObject({
    [`varpool_requests_total{${of},code="200"}`]: 2,
    [`varpool_requests_total{${of},code="400"}`]: 1,
    'varpool_requests_total{model="",version="",code="404"}': 1,
    'varpool_rejections_total{code="400"}': 1,
    [`varpool_rows_total{${of}}`]: 73,
    [`varpool_draws_total{${of}}`]: 3 * 5 + 70 * 2,
    [`varpool_request_seconds_count{${of}}`]: 2,
    [`varpool_request_seconds_bucket{${of},le="+Inf"}`]: 2,
    [`varpool_batch_rows_sum{${of}}`]: 73,
    [`varpool_batch_rows_bucket{${of},le="2"}`]: 0,
    [`varpool_batch_rows_bucket{${of},le="4"}`]: 1,
    [`varpool_batch_rows_bucket{${of},le="128"}`]: 2,
    [`varpool_batch_requests_sum{${of}}`]: 2,
    [`varpool_queue_rows{${of}}`]: 0,
    [`varpool_ready{${of}}`]: 1,
    varpool_requests_under_way: 0,
  });
  const { body } = await call(`${url}/v2/models/pair/versions/1/stats`);
  const [entry] = body.model_stats;
  expect(entry).toMatchObject({
    name: 'pair',
    version: '1',
    inference_count: 73,
    execution_count: 2,
    inference_stats: {
      success: { count: 2 },
      fail: { count: 1 },
      queue: { count: 2 },
      compute_infer: { count: 2 },
    },
    batch_stats: [{ batch_size: 3 }, { batch_size: 70 }],
  });
  expect(entry.last_inference).toBeGreaterThan(Date.now() - 60_000);
  expect((await call(`${url}/v2/models/stats`)).body.model_stats).toContainEqual(entry);
});

test.skipIf(!there)(
  `metrics are what prometheus_client reads [needs Python with prometheus_client${there ? '' : ', which is not here'}]`,
  () => {
    const metrics = new ServerMetrics();
    metrics.requests.add({ model: 'a "quoted" \\ name\nin two lines', code: '200' }, 3);
    for (const seconds of [0.0001, 0.003, 99]) metrics.seconds.observe({ model: 'a' }, seconds);
    metrics.gauge('varpool_queue_rows', 'Rows.', () => [[{}, 7]]);
    const script = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps([[s.name, s.labels, s.value] for f in text_string_to_metric_families(sys.stdin.read()) for s in f.samples]))`;
    const { stdout, stderr } = spawnSync(PYTHON, ['-c', script], { input: metrics.text(), encoding: 'utf8' });
    expect(stderr).toBe('');
    const samples = JSON.parse(stdout) as [string, Record<string, string>, number][];
    expect(samples).toContainEqual([
      'varpool_requests_total',
      { model: 'a "quoted" \\ name\nin two lines', code: '200' },
      3,
    ]);
    expect(samples).toContainEqual(['varpool_request_seconds_bucket', { model: 'a', le: '0.005' }, 2]);
    expect(samples).toContainEqual(['varpool_request_seconds_count', { model: 'a' }, 3]);
    expect(samples).toContainEqual(['varpool_queue_rows', {}, 7]);
  },
);
