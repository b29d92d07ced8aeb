// @ts-check
// The pictures: a curve with its bands, or maps of two classes. Knows canvases and predictions, not how these are made.

import { pointsOf, RANGE } from './state.mjs';

/** @typedef {import('./state.mjs').State} State */
/** @typedef {'probability' | 'epistemic' | 'aleatoric'} MapKind */
/** @typedef {{ x: Float64Array, mean: Float64Array, total: Float64Array, epistemic: Float64Array, draws: Float64Array[] }} Curve */
/** @typedef {{ side: number, probability: Float64Array, epistemic: Float32Array, aleatoric: Float32Array }} Maps */

/** 90 % of a normal distribution lies within this many standard deviations. */
const Z90 = 1.6448536269514722;
const LN2 = Math.log(2);

/** @param {HTMLCanvasElement} canvas @returns {{ context: CanvasRenderingContext2D, width: number, height: number }} */
function prepare(canvas) {
  const ratio = Math.min(3, devicePixelRatio || 1);
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.scale(ratio, ratio);
  return { context, width, height };
}

/** @param {string} name */
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** @param {HTMLCanvasElement} canvas @param {number} clientX @param {number} clientY */
export function dataAt(canvas, clientX, clientY) {
  const box = canvas.getBoundingClientRect();
  return [
    (((clientX - box.left) / box.width) * 2 - 1) * RANGE,
    (1 - ((clientY - box.top) / box.height) * 2) * RANGE,
  ];
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {State} state
 * @param {Curve | null} curve
 * @param {readonly [number, number] | null} cursor
 */
export function drawCurve(canvas, state, curve, cursor) {
  const { context, width, height } = prepare(canvas);
  const px = (/** @type {number} */ x) => ((x / RANGE + 1) / 2) * width;
  const py = (/** @type {number} */ y) => ((1 - y / RANGE) / 2) * height;
  background(context, width, height, px, py);
  if (curve !== null) {
    const { x, mean, total, epistemic, draws } = curve;
    const band = (
      /** @type {Float64Array} */ variance,
      /** @type {string} */ fill,
      /** @type {number} */ alpha,
    ) => {
      context.beginPath();
      for (let i = 0; i < x.length; i++) context.lineTo(px(x[i]), py(mean[i] + Z90 * Math.sqrt(variance[i])));
      for (let i = x.length - 1; i >= 0; i--)
        context.lineTo(px(x[i]), py(mean[i] - Z90 * Math.sqrt(variance[i])));
      context.closePath();
      context.globalAlpha = alpha;
      context.fillStyle = fill;
      context.fill();
      context.globalAlpha = 1;
    };
    band(total, color('--amber'), 0.2);
    band(epistemic, color('--violet'), 0.32);
    const line = (
      /** @type {Float64Array} */ y,
      /** @type {number} */ thick,
      /** @type {number} */ alpha,
    ) => {
      context.beginPath();
      for (let i = 0; i < x.length; i++) context.lineTo(px(x[i]), py(y[i]));
      context.globalAlpha = alpha;
      context.lineWidth = thick;
      context.lineJoin = 'round';
      context.strokeStyle = color('--violet');
      context.stroke();
      context.globalAlpha = 1;
    };
    for (const draw of draws) line(draw, 1, 0.35);
    line(mean, 3, 1);
  }
  for (const [x, y] of pointsOf(state))
    dot(context, px(x / 1000), py(y / 1000), color('--amber'), color('--card'));
  cross(context, cursor, px, py);
}

/** @typedef {(value: number) => number} Scale */

/** @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {Scale} px @param {Scale} py */
function background(context, width, height, px, py) {
  context.fillStyle = color('--paper');
  context.fillRect(0, 0, width, height);
  context.strokeStyle = color('--grid');
  context.lineWidth = 1;
  for (let i = -RANGE; i <= RANGE; i++) {
    context.beginPath();
    context.moveTo(Math.round(px(i)) + 0.5, 0);
    context.lineTo(Math.round(px(i)) + 0.5, height);
    context.moveTo(0, Math.round(py(i)) + 0.5);
    context.lineTo(width, Math.round(py(i)) + 0.5);
    context.stroke();
  }
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {string} fill @param {string} edge */
function dot(context, x, y, fill, edge, radius = 4.5) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = edge;
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {readonly [number, number] | null} cursor @param {Scale} px @param {Scale} py */
function cross(context, cursor, px, py) {
  if (cursor === null) return;
  const [x, y] = [px(cursor[0]), py(cursor[1])];
  context.strokeStyle = color('--ink');
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x - 12, y);
  context.lineTo(x + 12, y);
  context.moveTo(x, y - 12);
  context.lineTo(x, y + 12);
  context.stroke();
}

/** The colors of the two classes and of the two kinds of uncertainty, red, green and blue. */
const CLASSES = [
  [23, 162, 152],
  [236, 92, 122],
];
const SHADES = { epistemic: [124, 92, 255], aleatoric: [255, 168, 38] };

/** @param {string} hex @returns {number[]} */
function rgb(hex) {
  const whole = hex.length === 4 ? hex.replace(/[\da-f]/gi, '$&$&') : hex;
  return [1, 3, 5].map((at) => Number.parseInt(whole.slice(at, at + 2), 16));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {State} state
 * @param {Maps | null} maps
 * @param {MapKind} kind
 * @param {readonly [number, number] | null} cursor
 */
export function drawMap(canvas, state, maps, kind, cursor) {
  const { context, width, height } = prepare(canvas);
  const px = (/** @type {number} */ x) => ((x / RANGE + 1) / 2) * width;
  const py = (/** @type {number} */ y) => ((1 - y / RANGE) / 2) * height;
  background(context, width, height, px, py);
  if (maps !== null) {
    const { side } = maps;
    const image = new ImageData(side, side);
    const paper = rgb(color('--paper'));
    for (let i = 0; i < side * side; i++) {
      const p = maps.probability[i];
      const shade = kind === 'probability' ? CLASSES[p < 0.5 ? 0 : 1] : SHADES[kind];
      const strength =
        kind === 'probability'
          ? Math.abs(2 * p - 1) * 0.85
          : Math.sqrt(Math.min(1, Math.max(0, maps[kind][i] / LN2)));
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + strength * (shade[c] - paper[c]);
      image.data[4 * i + 3] = 255;
    }
    const small = document.createElement('canvas');
    small.width = small.height = side;
    /** @type {CanvasRenderingContext2D} */ (small.getContext('2d')).putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = 'high';
    context.drawImage(small, 0, 0, width, height);
  }
  const radius = width > 300 ? 4.5 : 2;
  for (const [x, y, label] of pointsOf(state))
    dot(context, px(x / 1000), py(y / 1000), `rgb(${CLASSES[label]})`, color('--card'), radius);
  cross(context, cursor, px, py);
}
