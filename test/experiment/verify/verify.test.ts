// A run is held to every bit it saved: the same on any workers and backend; whatever is changed afterwards is found and named, or the
// run is refused with the place.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KERNEL_EPOCH } from '../../../src/backend/kernelEpoch.ts';
import { demoConfig } from '../../../src/cli/demoConfig.ts';
import { CheckpointError, ConfigError, DataError } from '../../../src/errors.ts';
import type { FoundCheckpoint } from '../../../src/experiment/checkpoint/store.ts';
import { parseConfig, type ResolvedConfig } from '../../../src/experiment/config/config.ts';
import { prepareRun } from '../../../src/experiment/run/data.ts';
import { createRun, openRun } from '../../../src/experiment/run/directory.ts';
import { repeatableRun } from '../../../src/experiment/run/repeatable.ts';
import { trainRun } from '../../../src/experiment/run/train.ts';
import { checkpointBefore } from '../../../src/experiment/verify/checkpointBefore.ts';
import { posteriorDifference } from '../../../src/experiment/verify/differences.ts';
import { describeDifference, type Verification, verifyRun } from '../../../src/experiment/verify/verify.ts';
import { decodeSafetensors } from '../../../src/files/tensors/safetensors.ts';
import { createRuntime, type Runtime } from '../../../src/node.ts';

const dir = mkdtempSync(join(tmpdir(), 'varpool-verify-'));
let runtime: Runtime;
const CSV = `a,b,up,down\n${Array.from({ length: 50 }, (_, i) => `${i},${i % 3},${2 * i},${-i * i}\n`).join('')}`;

async function trained(config: ResolvedConfig, name: string): Promise<void> {
  await trainRun(prepareRun(config, 'c.yaml'), runtime, createRun(join(dir, name)));
}

beforeAll(async () => {
  runtime = createRuntime({ workers: 1, backend: 'wasm' });
  writeFileSync(join(dir, 'two.csv'), CSV);
  writeFileSync(join(dir, 'test.txt'), '3 1 4 15 9 2 6');
  const text =
    'seed: v\ndata: { kind: csv, path: two.csv, target: [up, down], testIndices: test.txt, validation: 5 }\n' +
    'model: { hiddenSizes: [6], activation: tanh }\ntraining: { epochs: 4, batchSize: 8 }\nprediction: { draws: 5 }\n';
  await trained(parseConfig(text, join(dir, 'c.yaml')), 'good');
});
afterAll(async () => {
  await runtime.close();
  rmSync(dir, { recursive: true, force: true });
});

let copies = 0;
/** A copy of a run, to be spoiled. Beside the original, so that its relative paths hold. */
function copyOf(name: string): string {
  const target = join(dir, `copy-${++copies}`);
  cpSync(join(dir, name), target, { recursive: true });
  return target;
}
const copy = () => copyOf('good');

/** Replaces text in a file of a run. */
function edit(run: string, file: string, change: (text: string) => string): void {
  const path = join(run, file);
  const before = readFileSync(path, 'utf8');
  const after = change(before);
  expect(after, 'the edit must edit').not.toBe(before);
  writeFileSync(path, after);
}

async function verified(run: string, on: Runtime = runtime): Promise<Verification & { line: string }> {
  const repeatable = repeatableRun(openRun(run));
  const verification = await verifyRun(repeatable, on);
  const line = verification.differences.length === 0 ? '' : describeDifference(repeatable, verification);
  return { ...verification, line };
}

describe('a run as it was left', () => {
  test('by a version that measured no target for itself', async () => {
    const run = copy();
    edit(run, 'manifest.json', (text) =>
      text.replace(/\n *"(up|down)\.\w+": [^\n]+(?=\n)/g, '').replace(/,(\s*\})/g, '$1'),
    );
    expect((await verified(run)).line).toBe('');
    // Metrics that are there must be the same.
    const other = copy();
    edit(other, 'manifest.json', (text) => text.replace(/("up\.rmse": )/, '$11'));
    expect((await verified(other)).line).toContain('test.up.rmse');
  });

  test.each([
    { workers: 1, backend: 'wasm' },
    { workers: 3, backend: 'wasm' },
    { workers: 2, backend: 'reference' },
  ])('is the same on $workers workers, $backend', async ({ workers, backend }) => {
    await using other = createRuntime({ workers, backend });
    const { differences, posteriorDigest, test: metrics } = await verified(join(dir, 'good'), other);
    const { manifest } = openRun(join(dir, 'good'));
    expect(differences).toEqual([]);
    expect(posteriorDigest).toBe(manifest.posteriorDigest);
    expect(metrics).toEqual(manifest.test);
  });

  test('whether it was given rows, made them, or had none to test on', async () => {
    const demo = demoConfig();
    await trained(
      { ...demo, training: { ...demo.training, epochs: 3 }, prediction: { ...demo.prediction, draws: 9 } },
      'demo',
    );
    expect((await verified(join(dir, 'demo'))).differences).toEqual([]);
    await trained(
      parseConfig(
        'data: { kind: synthetic, rows: 40 }\nmodel: { hiddenSizes: [3] }\ntraining: { epochs: 2, batchSize: 8 }',
        join(dir, 'c.yaml'),
      ),
      'untested',
    );
    expect(await verified(join(dir, 'untested'))).toMatchObject({ differences: [], test: null });
  });

  test('in another place, with the data in another place, after an edit that says the same', async () => {
    mkdirSync(join(dir, 'elsewhere/data'), { recursive: true });
    const moved = join(dir, 'elsewhere/run');
    cpSync(join(dir, 'good'), moved, { recursive: true });
    cpSync(join(dir, 'two.csv'), join(dir, 'elsewhere/data/renamed.csv'));
    cpSync(join(dir, 'test.txt'), join(dir, 'elsewhere/test.txt'));
    edit(moved, 'config.yaml', (text) =>
      text.replace('../two.csv', '../data/renamed.csv').concat('# moved\n'),
    );
    expect(repeatableRun(openRun(moved)).notes).toEqual([
      `${join(moved, 'config.yaml')}: edited since the run, in nothing that decides a bit`,
    ]);
    expect((await verified(moved)).differences).toEqual([]);
  });
});

describe('what was changed after the run is named', () => {
  test('one flipped bit of the posterior, to the tensor and the index', async () => {
    const run = copy();
    const bytes = readFileSync(join(run, 'posterior.safetensors'));
    // Tensors end with rho of the last bias, [2], and the two noise scales: 16 bytes from the end is the first of rho.
    bytes[bytes.length - 16] ^= 1;
    writeFileSync(join(run, 'posterior.safetensors'), bytes);
    const { differences, line, posteriorDigest } = await verified(run);
    expect(differences).toHaveLength(1);
    expect(differences[0]).toMatchObject({
      file: 'posterior.safetensors',
      place: 'layers.1.bias.rho',
      index: 0,
      position: [0],
      count: 1,
    });
    expect(posteriorDigest).toBe(openRun(run).manifest.posteriorDigest);
    expect(line).toMatch(
      /posterior\.safetensors: layers\.1\.bias\.rho\[0\]: expected -[\d.]+ \(0x[0-9a-f]{8}\) as saved, got -[\d.]+ \(0x[0-9a-f]{8}\) when trained again — training gives the digest in manifest\.json, so posterior\.safetensors was changed after the run$/,
    );
  });

  test('property: any flipped bits of the numbers, by the first of them; bits of the header are refused or named', () => {
    const bytes = readFileSync(join(dir, 'good', 'posterior.safetensors'));
    const start = 8 + Number(bytes.readBigUInt64LE(0));
    const whole = decodeSafetensors(bytes, 'p');
    const names = whole.tensors.flatMap(({ name, data }) =>
      Array.from(data as Float32Array, (_, i) => ({ name, index: i })),
    );
    expect(names).toHaveLength((bytes.length - start) / 4);
    const flipped = (bits: Iterable<number>) => {
      const damaged = new Uint8Array(bytes);
      for (const bit of bits) damaged[bit >>> 3] ^= 1 << (bit & 7);
      return posteriorDifference(decodeSafetensors(damaged, 'p'), whole);
    };
    expect(flipped([])).toBeNull();
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: start * 8, max: bytes.length * 8 - 1 }), {
          minLength: 1,
          maxLength: 6,
        }),
        (bits) => {
          const places = [...new Set(bits.map((bit) => Math.floor((bit / 8 - start) / 4)))].sort(
            (a, b) => a - b,
          );
          const { name, index } = names[places[0]];
          expect(flipped(bits)).toMatchObject({ place: name, index, count: places.length });
        },
      ),
    );
    const version = bytes.indexOf('"varpool":"');
    for (let bit = 0; bit < start * 8; bit += 7) {
      // The version of varpool that wrote it is no result.
      if (bit >>> 3 >= version && bit >>> 3 < version + 20) continue;
      try {
        const found = flipped([bit]);
        if (found === null) expect(bytes[bit >>> 3], `byte ${bit >>> 3}`).toBe(0x20); // A blank for another white space.
      } catch (error) {
        expect(error).toBeInstanceOf(CheckpointError);
      }
    }
  });

  test('what stands beside the numbers', async () => {
    const run = copy();
    const path = join(run, 'posterior.safetensors');
    const bytes = readFileSync(path);
    const at = bytes.indexOf('\\"scale\\":[') + '\\"scale\\":['.length;
    bytes[at] = bytes[at] === 0x31 ? 0x32 : 0x31;
    writeFileSync(path, bytes);
    const { differences } = await verified(run);
    expect(differences[0]).toMatchObject({ place: 'metadata: standardization', index: null, count: 1 });
  });

  test('a metric that was removed', async () => {
    const run = copy();
    edit(run, 'manifest.json', (text) => text.replace(/\n *"rmse": [^\n]+(?=\n)/, ''));
    edit(run, 'metrics.jsonl', (text) => text.replace(/("epoch":3,.*)"rmse":[^,]+,/, '$1'));
    expect((await verified(run)).differences).toMatchObject([
      { file: 'manifest.json', place: 'test.rmse', saved: 'nothing', count: 1 },
      { file: 'metrics.jsonl', place: 'line 3: validation.rmse', saved: 'nothing', count: 1 },
    ]);
  });

  test('a metric of the test or of an epoch, and the digest', async () => {
    const run = copy();
    const { manifest } = openRun(run);
    const nll = manifest.test?.nll as number;
    edit(run, 'manifest.json', (text) => text.replace(`"nll": ${nll}`, `"nll": ${nll + 1}`));
    edit(run, 'metrics.jsonl', (text) => text.replace(/("epoch":3,.*"rmse":)/, '$19'));
    const { differences, line } = await verified(run);
    expect(differences).toMatchObject([
      { file: 'manifest.json', place: 'test.nll', saved: `${nll + 1}`, recomputed: `${nll}`, count: 1 },
      { file: 'metrics.jsonl', place: 'line 3: validation.rmse', count: 1 },
    ]);
    expect(line).toContain('manifest.json: test.nll: expected');
    edit(run, 'manifest.json', (text) => text.replace(manifest.posteriorDigest as string, 'ab'.repeat(32)));
    const digest = await verified(run);
    expect(digest.differences[0]).toMatchObject({
      place: 'posteriorDigest',
      recomputed: manifest.posteriorDigest,
      count: 2,
    });
    expect(digest.line).toMatch(
      /training gives the saved posterior, so manifest\.json was changed after the run$/,
    );
  });

  test('other bits made here than by the run are told from a changed file', async () => {
    // Config and manifest agree on a seed that the saved bits are not of.
    const run = copy();
    edit(run, 'config.yaml', (text) => text.replace('seed: v', 'seed: w'));
    edit(run, 'manifest.json', (text) => {
      // No split: it was that of the first seed.
      const { split, ...manifest } = JSON.parse(text.replaceAll('"seed": "v"', '"seed": "w"'));
      return JSON.stringify(manifest);
    });
    const { line, differences } = await verified(run);
    expect(differences.map(({ file }) => file)).toEqual([
      'posterior.safetensors',
      'manifest.json',
      'metrics.jsonl',
    ]);
    expect(differences[0]).toMatchObject({ place: 'layers.0.weight.mu', index: 0, position: [0, 0] });
    expect(line).toMatch(
      /— other bits were made here than by the run, which is a bug: report it with both manifests$/,
    );
  });
});

describe('from a checkpoint', () => {
  const saved = join(dir, 'saved');
  beforeAll(async () => {
    const text =
      'seed: c\ndata: { kind: synthetic, rows: 40, testRows: 10, validation: 4 }\nmodel: { hiddenSizes: [5] }\n' +
      'training: { epochs: 6, batchSize: 8 }\nprediction: { draws: 5 }\ncheckpoint: { everySteps: 9, keep: 3 }\n';
    await trained(parseConfig(text, join(dir, 'c.yaml')), 'saved');
  });
  const warnings: string[] = [];
  const foundIn = (run: string) => {
    warnings.length = 0;
    return checkpointBefore(openRun(run), (message) => warnings.push(message));
  };
  const verifiedFrom = (run: string, from: FoundCheckpoint) =>
    verifyRun(repeatableRun(openRun(run)), runtime, { from });

  test('only the last stretch is trained, to the same bits', async () => {
    const from = foundIn(saved);
    expect(from.state.step).toBe(27); // Of 30, every ninth.
    const epochs: number[] = [];
    const onEpoch = ({ epoch }: { epoch: number }) => epochs.push(epoch);
    const { differences } = await verifyRun(repeatableRun(openRun(saved)), runtime, { from, onEpoch });
    expect(differences).toEqual([]);
    expect(epochs).toEqual([6]);
  });

  test('a damaged one is passed over with a warning; without any there is a refusal', async () => {
    const run = copyOf('saved');
    writeFileSync(join(run, 'checkpoint.safetensors'), 'torn');
    const from = foundIn(run);
    expect(from.state.step).toBe(18);
    expect(warnings).toEqual([
      expect.stringMatching(/checkpoint\.safetensors: expected .* looking for an older one$/),
    ]);
    expect((await verifiedFrom(run, from)).differences).toEqual([]);
    expect(() => foundIn(join(dir, 'good'))).toThrow(
      /good: expected a checkpoint from before step 20, the last one, got none — verify the whole run, without --from-checkpoint$/,
    );
  });

  test('another state, a bit of the posterior, a metric of an epoch after it: each is a difference', async () => {
    const from = foundIn(saved);
    const tensors = from.state.tensors.map(({ data, ...tensor }) => ({ ...tensor, data: data.slice() }));
    const { data } = tensors.find(({ name }) => name === 'layers.1.bias.mu')!;
    new Uint32Array(data.buffer)[0] ^= 1;
    const { differences } = await verifiedFrom(saved, { ...from, state: { ...from.state, tensors } });
    expect(differences[0].file).toBe('posterior.safetensors');
    const run = copyOf('saved');
    const bytes = readFileSync(join(run, 'posterior.safetensors'));
    bytes[bytes.length - 8] ^= 2;
    writeFileSync(join(run, 'posterior.safetensors'), bytes);
    edit(run, 'metrics.jsonl', (text) => text.replace(/("epoch":6,.*?"nll":)/, '$19'));
    expect((await verifiedFrom(run, from)).differences).toMatchObject([
      { place: 'layers.1.bias.rho', index: 0, count: 1 },
      { place: 'line 6: nll', count: 1 },
    ]);
  });

  test('other times of checkpoints are no edit that matters', () => {
    const run = copyOf('saved');
    edit(run, 'config.yaml', (text) => text.replace('everySteps: 9', 'everySteps: 10'));
    expect(repeatableRun(openRun(run)).notes).toHaveLength(1);
  });
});

describe('a run that cannot be repeated is refused, with the place', () => {
  function refusal(
    run: string,
    type: typeof CheckpointError | typeof ConfigError | typeof DataError,
  ): string {
    try {
      repeatableRun(openRun(run));
    } catch (error) {
      expect(error).toBeInstanceOf(type);
      expect((error as Error).message).toMatch(/^[^\n]+: expected [^\n]+, got [^\n]+ — [^\n]+$/);
      return (error as Error).message;
    }
    throw new Error('expected an error, got none');
  }

  test('an edited config, by the first field', () => {
    const run = copy();
    edit(run, 'config.yaml', (text) =>
      text.replace('epochs: 4', 'epochs: 5').replace('hiddenSizes: [6]', 'hiddenSizes: [6, 7]'),
    );
    expect(refusal(run, ConfigError)).toBe(
      `${join(run, 'config.yaml')}: model.hiddenSizes[1]: expected nothing as in manifest.json, got 7 — restore it, or train the edited config as a run of its own`,
    );
    edit(run, 'config.yaml', (text) => text.replace('hiddenSizes: [6, 7]', 'hiddenSizes: [6]'));
    expect(refusal(run, ConfigError)).toContain('training.epochs: expected 4 as in manifest.json, got 5');
    edit(run, 'config.yaml', (text) => text.replace('epochs: 5', 'epochs: 4').replace('seed: v', 'seed: w'));
    expect(refusal(run, ConfigError)).toContain(
      'config.yaml: seed: expected "v" as in manifest.json, got "w"',
    );
  });

  test('data of another content, by the file', () => {
    const run = copy();
    for (const [name, content] of [
      ['two.csv', CSV.replace('\n7,1,14,', '\n7,1,15,')],
      ['two.csv', `${CSV}50,2,100,-2500\n`],
      ['test.txt', '3 1 4 15 9 2 5'],
    ]) {
      const path = join(dir, name);
      const before = readFileSync(path);
      writeFileSync(path, content);
      try {
        expect(refusal(run, DataError)).toContain(`${path}: expected the file of the run (`);
      } finally {
        writeFileSync(path, before);
      }
    }
    expect(repeatableRun(openRun(run)).notes).toEqual([]);
  });

  test('rows divided in another way', () => {
    const run = copy();
    const { split } = openRun(run).manifest;
    edit(run, 'manifest.json', (text) =>
      text.replace(split?.parts.validation?.sha256 as string, 'ab'.repeat(32)),
    );
    expect(refusal(run, CheckpointError)).toMatch(
      /manifest\.json: split\.parts\.validation: expected 5 rows, sha256 abab.*, got 5 rows, sha256 /,
    );
  });

  test('another kernel epoch, and a manifest from before there were epochs', () => {
    const run = copy();
    edit(run, 'manifest.json', (text) =>
      text.replace(/"kernelEpoch": \d+/, `"kernelEpoch": ${KERNEL_EPOCH + 1}`),
    );
    expect(refusal(run, CheckpointError)).toMatch(
      new RegExp(
        `manifest\\.json: kernelEpoch: expected ${KERNEL_EPOCH} \\(this varpool's\\), got ${KERNEL_EPOCH + 1} — digests differ between epochs`,
      ),
    );
    edit(run, 'manifest.json', (text) => text.replace(/ *"kernelEpoch": \d+,\n/, ''));
    expect(openRun(run).manifest.kernelEpoch).toBe(1);
  });

  test('a backend whose bits are its own, then or now', async () => {
    const run = copy();
    const tfjs = { ...repeatableRun(openRun(run)) };
    await expect(verifyRun(tfjs, { backend: 'tfjs' } as Runtime)).rejects.toThrow(
      '--backend: expected one whose bits are the same everywhere (native, wasm, reference), got tfjs — use one of these',
    );
    const resumed = {
      at: '2030-01-31T12:00:00.000Z',
      step: 3,
      varpool: '0',
      backend: 'tfjs',
      workers: 1,
      node: '20',
    };
    edit(run, 'manifest.json', (text) => JSON.stringify({ ...JSON.parse(text), resumptions: [resumed] }));
    expect(refusal(run, CheckpointError)).toContain(
      'manifest.json: backend: expected one whose bits are the same',
    );
    edit(run, 'manifest.json', (text) =>
      JSON.stringify({ ...JSON.parse(text), resumptions: [], backend: 'tfjs' }),
    );
    expect(refusal(run, CheckpointError)).toContain(
      '(native, wasm, reference), got tfjs — train its config.yaml again',
    );
  });

  test('a run that is not finished', () => {
    const run = copy();
    edit(run, 'manifest.json', (text) => text.replace('"finished"', '"interrupted"'));
    expect(refusal(run, CheckpointError)).toBe(
      `${join(run, 'manifest.json')}: status: expected finished, got interrupted — train it to the end first`,
    );
    edit(run, 'manifest.json', (text) =>
      text
        .replace('"interrupted"', '"finished"')
        .replace(/"posteriorDigest": "[0-9a-f]+"/, '"posteriorDigest": null'),
    );
    expect(refusal(run, CheckpointError)).toContain(
      'posteriorDigest: expected the digest of a finished run, got null',
    );
  });

  test('an old manifest tells less, and says so', () => {
    const run = copy();
    edit(run, 'manifest.json', (text) => {
      const { config, split, packages, ...old } = JSON.parse(text);
      delete old.platform.features;
      return JSON.stringify(old);
    });
    expect(repeatableRun(openRun(run)).notes).toEqual([
      `${join(run, 'manifest.json')}: no record of the config, so an edit would not show`,
    ]);
    edit(run, 'config.yaml', (text) => text.replace('seed: v', 'seed: w'));
    expect(refusal(run, ConfigError)).toContain(
      'config.yaml: seed: expected "v" as in manifest.json, got "w"',
    );
  });
});
