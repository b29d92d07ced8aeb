// The run directory: when it is made, made anew or refused; manifest.json and metrics.jsonl, whole, torn and damaged.

import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { KERNEL_EPOCH } from '../../../src/backend/kernelEpoch.ts';
import type { Posterior } from '../../../src/core/posterior.ts';
import { CheckpointError, ConfigError } from '../../../src/errors.ts';
import { parseConfig } from '../../../src/experiment/config/config.ts';
import {
  endManifest,
  parseManifest,
  type RunFacts,
  startManifest,
} from '../../../src/experiment/manifest/manifest.ts';
import { savePosterior } from '../../../src/experiment/posterior/saved.ts';
import { currentPlatform, varpoolVersion } from '../../../src/experiment/provenance.ts';
import {
  createNumberedRun,
  createRun,
  openRun,
  type RunWriter,
} from '../../../src/experiment/run/directory.ts';
import { cutMetrics, MetricsLog, parseEpoch, readMetrics } from '../../../src/experiment/run/metricsLog.ts';

const scratch = mkdtempSync(join(tmpdir(), 'varpool-run-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(scratch, 'd-')), 'run');
});

const HASH = 'ab'.repeat(32);
const FACTS: RunFacts = {
  seed: 'demo',
  backend: 'wasm',
  workers: 2,
  kernels: { sources: HASH, wasm: HASH },
  data: [{ path: 'a.csv', bytes: 10, sha256: HASH, shape: [5, 2] }],
};
const DONE = {
  status: 'finished',
  steps: 40,
  epochs: 4,
  test: { nll: 1.5, rmse: Number.POSITIVE_INFINITY },
  wallSeconds: 1.25,
} as const;
const POSTERIOR: Posterior = {
  model: {
    inputSize: 1,
    outputSize: 1,
    layers: [{ name: 'output', inputSize: 1, outputSize: 1, activation: 'identity' }],
    prior: { kind: 'gaussian', sigma: 1 },
  },
  likelihood: { kind: 'bernoulli' },
  layers: [
    {
      weight: { mu: Float32Array.of(1), rho: Float32Array.of(-5) },
      bias: { mu: Float32Array.of(0), rho: Float32Array.of(-5) },
    },
  ],
  noiseScale: null,
  standardization: { features: null, targets: null },
  classNames: null,
  seed: 'demo',
};
const config = parseConfig('data: {kind: csv, path: a.csv}', join(scratch, 'c.yaml'));
const epoch = (n: number) => ({
  epoch: n,
  step: 10 * n,
  elbo: -n,
  nll: n / 2,
  kl: n / 2,
  seconds: 0.5,
  validation: { nll: 0.1 },
});

/** A whole run in `target`, finished. */
function finish(run: RunWriter): string {
  const manifest = startManifest(FACTS);
  run.writeManifest(manifest);
  run.writeConfig(config);
  for (const n of [1, 2]) run.logEpoch(epoch(n));
  const posteriorDigest = run.writePosterior(POSTERIOR);
  run.writeReport('<!doctype html>');
  run.writeManifest(endManifest(manifest, { ...DONE, posteriorDigest }));
  run.close();
  return posteriorDigest;
}

function refusal(
  run: () => unknown,
  type: typeof CheckpointError | typeof ConfigError = CheckpointError,
): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(type);
    return (error as Error).message;
  }
  throw new Error('expected an error, got none');
}

describe('a run', () => {
  it('is written and opened again', () => {
    const digest = finish(createRun(join(dir, 'deep', 'er')));
    const run = openRun(join(dir, 'deep', 'er'));
    expect(readdirSync(run.dir).sort()).toEqual([
      'config.yaml',
      'manifest.json',
      'metrics.jsonl',
      'posterior.safetensors',
      'report.html',
    ]);
    expect(run.config.data).toEqual(config.data);
    expect(run.metrics()).toEqual([epoch(1), epoch(2)]);
    expect(run.posterior()).toEqual({ ...POSTERIOR, kernelEpoch: KERNEL_EPOCH });
    expect(run.manifest).toMatchObject({
      formatVersion: 1,
      varpool: varpoolVersion(),
      status: 'finished',
      seed: 'demo',
      platform: currentPlatform(),
      test: { nll: 1.5, rmse: null },
      posteriorDigest: digest,
      ...{ steps: 40, epochs: 4, wallSeconds: 1.25, workers: 2, backend: 'wasm' },
    });
    expect(run.manifest.data).toEqual(FACTS.data);
    expect(run.manifest.kernels).toEqual(FACTS.kernels);
  });

  it('is not overwritten unless forced, and then only in its own files', () => {
    finish(createRun(dir));
    writeFileSync(join(dir, 'notes.txt'), 'mine');
    const before = readFileSync(join(dir, 'posterior.safetensors'));
    expect(refusal(() => createRun(dir), ConfigError)).toBe(
      `${dir}: expected an empty or new directory, got a run — choose another or pass --force to replace it`,
    );
    expect(readFileSync(join(dir, 'posterior.safetensors'))).toEqual(before);
    createRun(dir, { force: true });
    expect(readdirSync(dir)).toEqual(['notes.txt']);
  });

  it('never takes over a directory that is no run, forced or not', () => {
    mkdirSync(dir);
    // A project's own files may have the names of a run's.
    writeFileSync(join(dir, 'config.yaml'), 'mine');
    writeFileSync(join(dir, 'manifest.json'), '{"name":"a web page"}');
    for (const force of [false, true]) {
      expect(refusal(() => createRun(dir, { force }), ConfigError)).toBe(
        `${dir}: expected an empty or new directory, got one with 2 other files — choose another`,
      );
    }
    expect(readFileSync(join(dir, 'config.yaml'), 'utf8')).toBe('mine');
    writeFileSync(`${dir}.txt`, '');
    expect(refusal(() => createRun(`${dir}.txt`), ConfigError)).toBe(
      `${dir}.txt: expected a directory, got a file — choose another`,
    );
    expect(refusal(() => createRun(join(`${dir}.txt`, 'x')), ConfigError)).toBe(
      `${dir}.txt/x: expected a path that can be followed, got a path through a file that is not a directory — check the path`,
    );
  });

  it('takes an empty directory, and one with only what a kill left of a write', () => {
    mkdirSync(dir);
    createRun(dir);
    writeFileSync(join(dir, '.varpool-0123456789abcdef.tmp'), 'half');
    createRun(dir);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('gets the next free number', () => {
    const parent = join(dir, 'runs');
    expect(createNumberedRun(parent, 'mnist').dir).toBe(join(parent, 'mnist-1'));
    expect(createNumberedRun(parent, 'mnist').dir).toBe(join(parent, 'mnist-2'));
    mkdirSync(join(parent, 'mnist-9'));
    for (const other of ['mnist-x', 'mnist-010', 'other-50', 'mnist-']) mkdirSync(join(parent, other));
    expect(createNumberedRun(parent, 'mnist').dir).toBe(join(parent, 'mnist-10'));
    expect(createNumberedRun(parent, 'mnist-x').dir).toBe(join(parent, 'mnist-x-1'));
  });
});

describe('opening what is none', () => {
  it('names what is missing', () => {
    expect(refusal(() => openRun(dir))).toBe(
      `${dir}: expected a run directory, got nothing there — check the path`,
    );
    mkdirSync(dir);
    expect(refusal(() => openRun(dir))).toBe(
      `${dir}: expected a run directory, got one without manifest.json — check the path`,
    );
    const run = createRun(dir);
    run.writeManifest(startManifest(FACTS));
    expect(refusal(() => openRun(dir))).toBe(
      `${dir}: expected a run directory, got one without config.yaml — check the path`,
    );
    run.writeConfig(config);
    expect(openRun(dir).metrics()).toEqual([]);
    expect(refusal(() => openRun(dir).posterior())).toBe(
      `${dir}/posterior.safetensors: expected the posterior of a run, got no such file (the run is running) — train it to the end first`,
    );
    expect(refusal(() => openRun(join(dir, 'config.yaml')))).toBe(
      `${dir}/config.yaml: expected a run directory, got a file — name the directory it is in`,
    );
  });

  it('finds a posterior that is not the one of the manifest', () => {
    const digest = finish(createRun(dir));
    const path = join(dir, 'posterior.safetensors');
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
    expect(refusal(() => openRun(dir).posterior())).toMatch(/ — the file is damaged: /);
    const bias = { mu: Float32Array.of(1), rho: Float32Array.of(-5) };
    savePosterior(path, { ...POSTERIOR, layers: [{ ...POSTERIOR.layers[0], bias }] });
    expect(refusal(() => openRun(dir).posterior())).toMatch(
      new RegExp(
        `^${path}: expected digest ${digest} of manifest.json, got [0-9a-f]{64} — the file was changed after the run$`,
      ),
    );
  });
});

describe('manifest', () => {
  const whole = JSON.stringify(
    endManifest(startManifest(FACTS), { ...DONE, posteriorDigest: HASH }),
    null,
    2,
  );
  const changed = (change: object) => JSON.stringify({ ...JSON.parse(whole), ...change });

  it('comes back as it was, with fields of a later version', () => {
    expect(parseManifest(changed({ extra: 1 }), 'm')).toEqual({ ...JSON.parse(whole), extra: 1 });
  });

  it.each([
    ['', /^m: expected JSON, got a syntax error \(.+\) — the file is damaged$/],
    ['null', /^m: expected a map, got null — fill it in or remove the key$/],
    [`${whole.slice(0, 40)}`, /^m: expected JSON, got a syntax error \(.+\) — the file is damaged$/],
    [
      '{"seed":1,"seed":2}',
      /^m: expected each name once, got "seed" again at character 10 — the file is damaged$/,
    ],
    [changed({ formatVersion: 2 }), /^m: expected format version 1 or older, got 2 — use a newer varpool$/],
    [changed({ formatVersion: 'x' }), /^m: formatVersion: expected 1, got "x" — change it$/],
    [
      changed({ posteriorDigest: 'abc' }),
      /^m: posteriorDigest: expected a SHA-256 in 64 hex digits, got "abc" — change it$/,
    ],
    [changed({ steps: -1 }), /^m: steps: expected a whole number, got -1 — change it$/],
    [
      changed({ status: 'done' }),
      /^m: status: expected running, finished, interrupted, diverged, failed, got "done" — change it$/,
    ],
    [
      changed({ data: [{ path: 'a' }] }),
      /^m: data\[0\]\.bytes: expected a whole number, got nothing — add it \(and 2 more problems\)$/,
    ],
    [
      changed({ startedAt: 'today' }),
      /^m: startedAt: expected a time such as 2030-01-31T12:00:00.000Z, got "today" — change it$/,
    ],
    [changed({ test: { nll: 'low' } }), /^m: test\.nll: expected a number or null, got "low" — change it$/],
  ])('refuses %j', (text, expected) => {
    expect(refusal(() => parseManifest(text, 'm'))).toMatch(expected);
  });

  it('fuzz: any mutation gives a manifest or one line', () => {
    const pieces = fc.oneof(
      fc.constantFrom('"', '{', '}', '[', ']', ',', ':', '-1', '1e999', 'null', '\\u0000', '\n'),
      fc.string(),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length), fc.nat(8), pieces), { minLength: 1, maxLength: 4 }),
        (edits) => {
          let text = whole;
          for (const [at, drop, add] of edits) text = text.slice(0, at) + add + text.slice(at + drop);
          try {
            parseManifest(text, 'm');
          } catch (error) {
            expect(error).toBeInstanceOf(CheckpointError);
            expect((error as Error).message).toMatch(
              /^m: [^\n\r\0\u2028]*expected [^\n\r\0\u2028]+, got [^\n\r\0\u2028]+ — [^\n\r\0\u2028]+$/u,
            );
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('metrics.jsonl', () => {
  it('is there line by line, and null where a number is not finite', () => {
    using log = new MetricsLog(`${dir}.jsonl`);
    log.append({ ...epoch(1), nll: Number.NaN });
    expect(readMetrics(log.path)).toEqual([{ ...epoch(1), nll: null }]);
    log.append(epoch(2));
    expect(readMetrics(log.path)).toHaveLength(2);
  });

  it('is cut after a step: later epochs and a torn line go, whatever is left can be written on', () => {
    const path = `${dir}.jsonl`;
    const lines = [1, 2, 3, 4].map((n) => `${JSON.stringify(epoch(n))}\n`);
    for (const [step, left] of [
      [0, 0],
      [9, 0],
      [10, 1],
      [39, 3],
      [40, 4],
      [99, 4],
    ]) {
      for (const torn of ['', '{"epoch":5,"st', '\0\0\0']) {
        writeFileSync(path, lines.join('') + torn);
        expect(cutMetrics(path, (line) => line.step <= step)).toEqual([1, 2, 3, 4].slice(0, left).map(epoch));
        expect(readFileSync(path, 'utf8')).toBe(lines.slice(0, left).join(''));
      }
    }
    const damaged = `${lines[0]}{"epoch":\n${lines[2]}`;
    writeFileSync(path, damaged);
    const all = () => true;
    expect(refusal(() => cutMetrics(path, all))).toContain(`${path}: line 2: `);
    expect(readFileSync(path, 'utf8')).toBe(damaged);
    const told: string[] = [];
    expect(cutMetrics(path, all, (message) => void told.push(message))).toEqual([1, 3].map(epoch));
    expect(told).toEqual([expect.stringContaining(`${path}: line 2: `)]);
    expect(readFileSync(path, 'utf8')).toBe(lines[0] + lines[2]);
  });

  it('a torn last line is left out when read and cut off when written on', () => {
    const path = `${dir}.jsonl`;
    const whole = `${JSON.stringify(epoch(1))}\n${JSON.stringify(epoch(2))}\n`;
    for (let size = 0; size <= whole.length; size++) {
      writeFileSync(path, whole.slice(0, size));
      const lines = whole.slice(0, size).split('\n').length - 1;
      expect(readMetrics(path)).toEqual([epoch(1), epoch(2)].slice(0, lines));
      const log = new MetricsLog(path);
      log.append(epoch(7));
      log.close();
      expect(readMetrics(path)).toEqual([...[epoch(1), epoch(2)].slice(0, lines), epoch(7)]);
    }
    // A tear longer than what is looked through at a time.
    writeFileSync(path, whole + 'x'.repeat(20_000));
    new MetricsLog(path).close();
    expect(readFileSync(path, 'utf8')).toBe(whole);
  });

  it('names the line that is damaged', () => {
    const path = `${dir}.jsonl`;
    new MetricsLog(path).close();
    appendFileSync(path, `${JSON.stringify(epoch(1))}\nx\n`);
    expect(refusal(() => readMetrics(path))).toMatch(
      new RegExp(`^${path}: line 2: expected JSON, got a syntax error \\(.+\\) — the file is damaged$`),
    );
    expect(refusal(() => parseEpoch(Buffer.from('{"epoch":1}'), 'm'))).toBe(
      'm: step: expected a whole number, got nothing — add it (and 4 more problems)',
    );
    expect(refusal(() => new MetricsLog(join(dir, 'none', 'm.jsonl')))).toBe(
      `${dir}/none/m.jsonl: expected a file that can be written, got no such directory — create it first`,
    );
  });
});
