// A drawing becomes a picture like MNIST's, and the posterior that comes with the playground knows digits and says where it does not.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
// @ts-expect-error plain JavaScript
import { answerTo, EXAMPLES, pictureOf, SIDE, UNKNOWN, verdictOf } from '../../playground/digit.mjs';
import { createRuntime, load, posteriorDigest } from '../../src/index.ts';
import { testOnPublicData } from '../support/publicData.ts';

const runtime = createRuntime({ workers: 1 });
afterAll(() => runtime.close());
const kept = () => load('playground/digits.safetensors');

/** The center of mass and the box of what has ink, in pixels. */
function shapeOf(picture: Float64Array) {
  const inked = [...picture.entries()].filter(([, ink]) => ink > 0);
  const sum = inked.reduce((total, [, ink]) => total + ink, 0);
  const at = (place: (p: number) => number) =>
    inked.reduce((total, [p, ink]) => total + ink * (place(p) + 0.5), 0) / sum;
  const [column, row] = [(p: number) => p % SIDE, (p: number) => Math.floor(p / SIDE)];
  const size = (place: (p: number) => number) => {
    const places = inked.map(([p]) => place(p));
    return Math.max(...places) - Math.min(...places) + 1;
  };
  return { center: [at(column), at(row)], size: [size(column), size(row)] };
}

test.each([
  ['in a corner', [[3, 5, 40, 9, 12, 80]], 20],
  ['over all of the pad', [[0, 0, 255, 0, 0, 255]], 20],
  [
    'of several strokes',
    [
      [100, 100, 100, 180],
      [60, 140, 140, 140],
    ],
    20,
  ],
])('a drawing %s is scaled to 20 pixels and centered by mass', (_, strokes, side) => {
  const { center, size } = shapeOf(pictureOf(strokes));
  for (const at of center) expect(Math.abs(at - SIDE / 2)).toBeLessThan(0.2);
  expect(Math.abs(Math.max(...size) - side)).toBeLessThanOrEqual(1);
});

test('a dot stays a dot, and nothing stays nothing', () => {
  expect(Math.max(...shapeOf(pictureOf([[30, 200]])).size)).toBeLessThan(5);
  expect(pictureOf([]).some((ink: number) => ink !== 0)).toBe(false);
});

test('it knows the digits among its examples and says of the others that it has not seen such', async () => {
  const posterior = await kept();
  const said = [];
  for (const strokes of EXAMPLES) said.push(verdictOf(await answerTo(runtime, posterior, strokes)).text);
  const unknown = 'I have not seen anything like this.';
  expect(said).toEqual(['This is a 3.', unknown, 'This is a 4.', unknown, 'This is a 6.', unknown]);
});

test('its digest covers the answer', async () => {
  const posterior = await kept();
  const [one, again, other] = [
    await answerTo(runtime, posterior, EXAMPLES[0]),
    await answerTo(runtime, posterior, EXAMPLES[0]),
    await answerTo(runtime, posterior, EXAMPLES[0].slice(1)),
  ];
  expect(one.digest).toMatch(/^[0-9a-f]{64}$/);
  expect(again.digest).toBe(one.digest);
  expect(other.digest).not.toBe(one.digest);
});

testOnPublicData(
  'trained again from digits.yaml, it has the same digest',
  'mnist',
  async (path) => {
    const out = mkdtempSync(join(tmpdir(), 'varpool-digits-'));
    try {
      const words = [
        'train',
        'playground/digits.yaml',
        '--set',
        `data.dir=${path}`,
        '--out',
        join(out, 'run'),
      ];
      const said = execFileSync(process.execPath, ['dist/cli/main.js', ...words, '--quiet', '--json'], {
        encoding: 'utf8',
      });
      const { posteriorDigest: digest, test } = JSON.parse(said);
      expect(digest).toBe(posteriorDigest(await kept()));
      expect(100 * test.error).toBeLessThan(2.4);
    } finally {
      rmSync(out, { recursive: true });
    }
  },
  120_000,
);

const ROWS = 2000;
const PIXELS = SIDE * SIDE;

/** Pixels from 0 to 1 of the first test pictures of a set. */
function pictures(path: string): Float32Array {
  const bytes = gunzipSync(readFileSync(`${path}/t10k-images-idx3-ubyte.gz`));
  return Float32Array.from(bytes.subarray(16, 16 + ROWS * PIXELS), (gray) => gray / 255);
}

/** Pictures that fill their frame, made as small as MNIST's digits are: 20 × 20, each the mean of 16 places. */
function shrunk(large: Float32Array): Float32Array {
  const small = new Float32Array(large.length);
  const place = (i: number, part: number) => Math.floor((i + (part + 0.5) / 4) * 1.4);
  for (let n = 0; n < ROWS; n++) {
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 20; j++) {
        let sum = 0;
        for (let part = 0; part < 16; part++)
          sum += large[n * PIXELS + place(i, part >> 2) * SIDE + place(j, part & 3)];
        small[n * PIXELS + (i + 4) * SIDE + j + 4] = sum / 16;
      }
    }
  }
  return small;
}

testOnPublicData(
  'what the page says of its threshold holds',
  'notmnist-small',
  async (path) => {
    const posterior = await kept();
    const unknown = async (data: Float32Array) => {
      const x = { data, shape: [ROWS, PIXELS] as const };
      const { mutualInformation } = await runtime.predict(posterior, x, { draws: 50 });
      return mutualInformation!.filter((nats) => nats > UNKNOWN).length / ROWS;
    };
    const [digits, letters] = [pictures(join(path, '../mnist')), shrunk(pictures(path))];
    expect(await unknown(digits)).toBeCloseTo(0.05, 1.5);
    expect(await unknown(letters)).toBeGreaterThan(0.63);
  },
  60_000,
);
