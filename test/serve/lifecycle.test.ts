// Models that are loaded, unloaded, replaced by what changed on disk; readiness that tells the truth; and how a server ends: in a program, and
// as the command that gets a signal.

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { load } from '../../src/index.ts';
import { createServer } from '../../src/serve/index.ts';
import { CURVE, jsonOf, MAIN, temporaryDirectory, varpool, writeConfig } from '../cli/cli.ts';
import { call, outputs, POSTERIORS, post, request, rowsFor, runtime, start } from './harness.ts';

const dir = temporaryDirectory();
const place = (...parts: string[]) => join(dir, ...parts);
const means = async (run: string) => [
  ...(await runtime.predict(load(place(run, 'posterior.safetensors')), [[0.25]], { draws: 10 })).mean,
];
const ONE = request([[0.25]]);

beforeAll(() => {
  for (const epochs of [1, 2]) {
    writeConfig(dir, `${epochs}.yaml`, CURVE, `{ epochs: ${epochs}, batchSize: 16 }`);
    const ended = varpool(dir, 'train', `${epochs}.yaml`, '--out', `run${epochs}`, '--quiet');
    expect(ended.status, ended.stderr).toBe(0);
  }
});

/** The means a model answers, in 10 draws as its config says. */
async function answered(url: string, model: string): Promise<unknown[]> {
  return outputs(await post(`${url}/v2/models/${model}/infer`, ONE)).mean.data;
}

async function until(what: () => Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a repository', () => {
  test('serves versions, the newest unless one is named, and says all of them', async () => {
    mkdirSync(place('versions'));
    cpSync(place('run1'), place('versions', '2'), { recursive: true });
    cpSync(place('run2'), place('versions', '10'), { recursive: true });
    mkdirSync(place('versions', 'notes'));
    const { url } = await start({ models: [place('versions'), `other=${place('run1')}`] });
    expect(await answered(url, 'versions')).toEqual(await means('run2'));
    expect(await answered(url, 'versions/versions/2')).toEqual(await means('run1'));
    expect(await answered(url, 'other')).toEqual(await means('run1'));
    expect((await call(`${url}/v2/models/versions`)).body).toMatchObject({
      versions: ['2', '10'],
      parameters: {
        version: '10',
        columns: [{ name: 'x', kind: 'numeric' }],
        draws: 10,
        test: { rmse: expect.any(Number) },
      },
    });
  });

  test('loads, unloads, and is ready only while everything wanted answers', async () => {
    cpSync(place('run1'), place('mine'), { recursive: true });
    const { url } = await start({ models: [place('mine')], reloadSeconds: 0 });
    const repository = `${url}/v2/repository`;
    const state = async () => (await post(`${repository}/index`, '')).body;
    expect(await state()).toEqual([{ name: 'mine', version: '1', state: 'READY', reason: '' }]);
    expect((await post(`${repository}/models/mine/unload`, {})).status).toBe(200);
    expect(await state()).toEqual([{ name: 'mine', version: '1', state: 'UNAVAILABLE', reason: 'unloaded' }]);
    expect((await post(`${repository}/index`, { ready: true })).body).toEqual([]);
    const refused = await post(`${url}/v2/models/mine/infer`, ONE);
    expect(refused).toMatchObject({
      status: 503,
      body: { error: expect.stringMatching(/expected a model that is ready, got unloaded/) },
    });
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await call(`${url}/v2/health/ready`)).status).toBe(200);
    renameSync(place('mine', 'posterior.safetensors'), place('away'));
    const failed = await post(`${repository}/models/mine/load`, {});
    expect(failed).toMatchObject({
      status: 400,
      body: { error: expect.stringMatching(/^load mine: .*posterior\.safetensors: expected/) },
    });
    expect((await call(`${url}/v2/health/ready`)).body).toEqual({ ready: false });
    renameSync(place('away'), place('mine', 'posterior.safetensors'));
    expect((await post(`${repository}/models/mine/load`, {})).status).toBe(200);
    expect((await call(`${url}/v2/health/ready`)).body).toEqual({ ready: true });
    expect(await answered(url, 'mine')).toEqual(await means('run1'));
  });

  test('takes over what changed on disk while requests are answered, and keeps what it had where that is damaged', async () => {
    cpSync(place('run1'), place('hot'), { recursive: true });
    const { url, lines } = await start({ models: [place('hot')], reloadSeconds: 1 });
    const [old, fresh] = [await means('run1'), await means('run2')];
    expect(await answered(url, 'hot')).toEqual(old);
    writeFileSync(place('hot', 'posterior.safetensors'), 'damaged');
    await until(async () => (await post(`${url}/v2/repository/index`, '')).body[0].reason !== '');
    expect((await post(`${url}/v2/repository/index`, '')).body[0]).toMatchObject({
      state: 'READY',
      reason: expect.stringMatching(/posterior\.safetensors/),
    });
    expect(await answered(url, 'hot')).toEqual(old);
    rmSync(place('hot'), { recursive: true });
    cpSync(place('run2'), place('hot'), { recursive: true });
    const seen = new Set<string>();
    await until(async () => {
      const now = JSON.stringify(await answered(url, 'hot'));
      seen.add(now);
      return now === JSON.stringify(fresh);
    });
    expect([...seen].filter((now) => ![JSON.stringify(old), JSON.stringify(fresh)].includes(now))).toEqual(
      [],
    );
    expect(lines.join('')).toContain('loaded anew');
  });
});

test.each<[object, RegExp]>([
  [{ name: 'a/b' }, /^createServer: models\[0\]: name: expected a name of letters, .*, got "a\/b" — /],
  [{ version: 'v1' }, /^createServer: models\[0\]: version: expected a whole number as text, got "v1" — /],
  [{ draws: 0.5 }, /^createServer: models\[0\]: draws: expected a whole number/],
  [{ featureName: ['x'] }, /^createServer: models\[0\]: featureName: expected .*did you mean featureNames\?/],
])('a posterior given as %j is refused by the field', async (change, message) => {
  const model = { name: 'one', posterior: POSTERIORS.pair, ...change };
  await expect(createServer({ models: [model] })).rejects.toThrow(message);
});

test.each([
  [{ limits: { deadlineMs: 2 ** 31 } }, 'limits.deadlineMs: expected at most 2147483647, got 2147483648'],
  [{ batching: { delayMs: 1e10 } }, 'batching.delayMs: expected at most 2147483647, got 10000000000'],
  [{ reloadSeconds: 86_401 }, 'reloadSeconds: expected at most 86400, got 86401'],
])('a time beyond what a timer holds is refused: %j', async (options, message) => {
  const models = [{ name: 'one', posterior: POSTERIORS.pair }];
  await expect(createServer({ models, ...options })).rejects.toThrow(message);
});

test('a server that is closed while it loads its models never listens', async () => {
  const server = await createServer({ models: [place('run1')], port: 0 });
  const listening = server.listen();
  const closed = server.close();
  await expect(listening).rejects.toThrow(/^listen: expected an open server, got one that was closed while /);
  await closed;
});

test('at its end a server is not ready, answers what it accepted, and refuses the rest', async () => {
  const server = await start({ batching: { delayMs: 2000 } });
  const { hostname, port } = new URL(server.url);
  const infer = `${server.url}/v2/models/pair/infer`;
  const accepted = Array.from({ length: 20 }, (_, n) => post(infer, request(rowsFor('pair', 2, n))));
  await until(async () =>
    /^varpool_requests_under_way 20$/m.test(await (await fetch(`${server.url}/metrics`)).text()),
  );
  const closed = server.close();
  const [ready, late] = [
    await call(`${server.url}/v2/health/ready`),
    await post(infer, request(rowsFor('pair', 1))),
  ];
  expect(ready).toMatchObject({ status: 503, body: { ready: false } });
  expect(late).toMatchObject({ status: 503, body: { error: expect.stringMatching(/stopping/) } });
  expect(late.headers.get('retry-after')).toBe('1');
  expect((await Promise.all(accepted)).map(({ status }) => status)).toEqual(Array(20).fill(200));
  await closed;
  await expect(
    new Promise((resolve, reject) =>
      connect(Number(port), hostname, () => resolve('connected')).on('error', reject),
    ),
  ).rejects.toThrow(/ECONNREFUSED/);
});

test('a caller who is answered while the server ends, and comes back at once, gets a 503', async () => {
  const server = await start({ batching: { delayMs: 300 } });
  const ask = () =>
    new Promise<number | undefined>((resolve, reject) => {
      const url = `${server.url}/v2/models/pair/infer`;
      const sent = httpRequest(url, { method: 'POST', agent: false }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      });
      sent.once('error', reject).end(JSON.stringify(request(rowsFor('pair', 1))));
    });
  const accepted = ask();
  await until(async () =>
    /^varpool_requests_under_way 1$/m.test(await (await fetch(`${server.url}/metrics`)).text()),
  );
  const closed = server.close();
  expect(await accepted).toBe(200);
  // On a connection of its own, which a closed port would not take.
  expect(await ask()).toBe(503);
  await closed;
});

describe('varpool serve', () => {
  function serve(...args: string[]) {
    const child = spawn(process.execPath, [MAIN, 'serve', ...args], { cwd: dir });
    let [stdout, stderr] = ['', ''];
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) =>
      child.on('close', (status) => resolve({ status, stdout, stderr })),
    );
    const told = new Promise<string>((resolve) =>
      child.stdout.on('data', (text) => {
        stdout += text;
        if (stdout.includes('\n')) resolve(stdout);
      }),
    );
    return { child, ended, told };
  }

  test('prints where it is as one JSON object; SIGTERM under load loses no accepted request and ends with status 0', async () => {
    const { child, ended, told } = serve('run1', 'two=run2', '--port', '0', '--json', '--threads', '1');
    const { url, models } = jsonOf({ stdout: await told, stderr: '', status: 0 });
    expect(models).toEqual(['run1', 'two=run2']);
    const wanted = await means('run2');
    let answers = 0;
    // Each asks until the server refuses, or no longer listens.
    const client = async (): Promise<string> => {
      for (;;) {
        const answer = await post(`${url}/v2/models/two/infer`, ONE).catch((error: Error) => error);
        if (answer instanceof Error) return String((answer.cause as { code?: string } | undefined)?.code);
        if (answer.status === 503) return 'refused';
        expect(outputs(answer).mean.data).toEqual(wanted);
        if (++answers === 200) child.kill('SIGTERM');
      }
    };
    const ends = await Promise.all(Array.from({ length: 8 }, client));
    expect(answers).toBeGreaterThanOrEqual(200);
    expect(ends.filter((end) => end !== 'refused' && end !== 'ECONNREFUSED')).toEqual([]);
    const { status, stdout, stderr } = await ended;
    expect({ status, lines: stdout.split('\n').length }).toEqual({ status: 0, lines: 2 });
    expect(stderr).toBe('varpool: finishing what was accepted (once more to stop at once)\n');
  });

  test('a token from the environment, a port in use, a run there is none of: each in one line', async () => {
    const [first, second] = [
      serve('run1', '--port', '0', '--json'),
      varpool(dir, 'serve', 'nowhere', '--port', '0'),
    ];
    expect(second).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'varpool: nowhere: expected a run directory, got nothing there — check the path\n',
    });
    const { port } = jsonOf({ stdout: await first.told, stderr: '', status: 0 });
    const taken = varpool(dir, 'serve', 'run2', '--port', String(port));
    expect(taken).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^varpool: serve: expected a free port \d+ on 127\.0\.0\.1, got one in use — take another --port\n$/,
      ),
    });
    expect(varpool(dir, 'serve', 'run1', '--limit', 'rows')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/--limit: expected NAME=NUMBER/),
    });
    expect(varpool(dir, 'serve', 'run1', '--limit', 'row=5')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/limits\.row: expected a known key.*did you mean rows\?/),
    });
    expect(varpool(dir, 'serve', 'run1', 'run1')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/expected models of different names, got two called run1/),
    });
    first.child.kill('SIGINT');
    expect((await first.ended).status).toBe(0);
  });
});
