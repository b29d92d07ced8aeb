// @ts-check
// A drawing and the answer to it, alike in the page and on Node: strokes become a picture as MNIST's are (20 × 20 in 28 × 28, centered by
// mass) with +, ×, / and sqrt alone, which every engine rounds alike; the posterior of digits.safetensors answers.

import { sha256 } from '@noble/hashes/sha2.js';

/** Strokes are x, y, x, y, … from 0 to this. */
export const PAD = 255;
export const SIDE = 28;
/** Half the width of a pen that draws as MNIST's pictures are drawn, in their pixels. */
const PEN = 1.15;
const DRAWS = 200;
/** Mutual information, in nats, that 5 % of MNIST's test digits exceed, and two thirds of notMNIST's letters A to J drawn as large. */
export const UNKNOWN = 0.24;
const UNSURE = 0.8;

/** @typedef {{ probabilities: number[], mutualInformation: number, expectedEntropy: number, digest: string }} Answer */

/** Rounds the corners of a stroke, twice (Chaikin). @param {number[]} stroke @returns {number[]} */
function rounded(stroke, times = 2) {
  const ends = [stroke.slice(0, 2), stroke.slice(-2)];
  const inner = [];
  for (let i = 0; i + 3 < stroke.length; i += 2) {
    for (const share of [1, 3])
      for (const odd of [0, 1])
        inner.push(Math.round(((4 - share) * stroke[i + odd] + share * stroke[i + 2 + odd]) / 4));
  }
  const all = [...ends[0], ...inner, ...ends[1]];
  return times === 1 ? all : rounded(all, times - 1);
}

/** Drawings to begin with: three that it knows, three that it has not seen. @type {readonly (readonly number[][])[]} */
export const EXAMPLES = [
  [
    rounded([76, 74, 98, 42, 150, 40, 176, 78, 146, 112, 108, 120]),
    rounded([108, 120, 152, 122, 186, 158, 160, 206, 106, 218, 74, 188]),
  ],
  [[128, 48, 175, 193, 52, 103, 204, 103, 81, 193, 128, 48]],
  [
    [100, 50, 84, 128, 176, 128],
    [150, 56, 142, 212],
  ],
  [
    [70, 208, 70, 118, 128, 58, 186, 118, 186, 208, 70, 208],
    [112, 208, 112, 160, 146, 160, 146, 208],
    [52, 128, 70, 118],
    [204, 128, 186, 118],
  ],
  [rounded([152, 44, 104, 84, 80, 150, 92, 212, 156, 218, 184, 172, 152, 132, 110, 142, 86, 172])],
  [
    [70, 210, 98, 132, 128, 46, 158, 130, 186, 210],
    [90, 150, 166, 150],
  ],
];

/**
 * Ink of each pixel, 0 to 1, of strokes in the picture's own units.
 * @param {readonly (readonly number[])[]} strokes
 */
function rastered(strokes) {
  const pixels = new Float64Array(SIDE * SIDE);
  for (const stroke of strokes) {
    for (let i = 0; i < stroke.length; i += 2) {
      const [x0, y0] = [stroke[i], stroke[i + 1]];
      const [x1, y1] = i + 3 < stroke.length ? [stroke[i + 2], stroke[i + 3]] : [x0, y0];
      const [dx, dy] = [x1 - x0, y1 - y0];
      const length2 = dx * dx + dy * dy;
      for (let p = 0; p < pixels.length; p++) {
        const [x, y] = [(p % SIDE) + 0.5 - x0, Math.floor(p / SIDE) + 0.5 - y0];
        const along = length2 === 0 ? 0 : Math.max(0, Math.min(1, (x * dx + y * dy) / length2));
        const [u, v] = [x - along * dx, y - along * dy];
        const ink = PEN + 0.5 - Math.sqrt(u * u + v * v);
        pixels[p] = Math.max(pixels[p], Math.min(1, ink));
      }
    }
  }
  return pixels;
}

/**
 * The picture of a drawing, rows of pixels from 0 to 1.
 * @param {readonly (readonly number[])[]} strokes
 */
export function pictureOf(strokes) {
  const [xs, ys] = [0, 1].map((odd) => strokes.flatMap((stroke) => stroke.filter((_, i) => i % 2 === odd)));
  if (xs.length === 0) return new Float64Array(SIDE * SIDE);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  // A dot stays a dot.
  const scale = (20 - 2 * PEN) / Math.max(right - left, bottom - top, 40);
  /** @param {number} x @param {number} y of the pad's point that is the center */
  const placed = (x, y) =>
    strokes.map((stroke) => stroke.map((at, i) => SIDE / 2 + (at - (i % 2 === 0 ? x : y)) * scale));
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  let [sum, sumX, sumY] = [0, 0, 0];
  for (const [p, ink] of rastered(placed(middleX, middleY)).entries()) {
    sum += ink;
    sumX += ink * ((p % SIDE) + 0.5 - SIDE / 2);
    sumY += ink * (Math.floor(p / SIDE) + 0.5 - SIDE / 2);
  }
  return rastered(placed(middleX + sumX / sum / scale, middleY + sumY / sum / scale));
}

/**
 * @param {any} runtime
 * @param {any} posterior of digits.safetensors
 * @param {readonly (readonly number[])[]} strokes
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>} its digest is the SHA-256 of the ten probabilities and both uncertainties
 */
export async function answerTo(runtime, posterior, strokes, signal) {
  const x = { data: Float32Array.from(pictureOf(strokes)), shape: [1, SIDE * SIDE] };
  const options = { draws: DRAWS, ...(signal === undefined ? {} : { signal }) };
  const { mean, mutualInformation, expectedEntropy } = await runtime.predict(posterior, x, options);
  const hash = sha256.create();
  for (const { buffer, byteOffset, byteLength } of [mean, mutualInformation, expectedEntropy])
    hash.update(new Uint8Array(buffer, byteOffset, byteLength).slice());
  return {
    probabilities: [...mean],
    mutualInformation: mutualInformation[0],
    expectedEntropy: expectedEntropy[0],
    digest: Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
}

/**
 * What to say of an answer.
 * @param {Answer} answer
 * @returns {{ kind: 'unknown' | 'unsure' | 'sure', text: string }}
 */
export function verdictOf({ probabilities, mutualInformation }) {
  const order = probabilities.map((_, digit) => digit).sort((a, b) => probabilities[b] - probabilities[a]);
  if (mutualInformation > UNKNOWN) return { kind: 'unknown', text: 'I have not seen anything like this.' };
  if (probabilities[order[0]] < UNSURE) return { kind: 'unsure', text: `${order[0]}, or is it ${order[1]}?` };
  return { kind: 'sure', text: `This is ${order[0] === 8 ? 'an' : 'a'} ${order[0]}.` };
}
