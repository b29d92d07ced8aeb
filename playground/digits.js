// @ts-check
// A digit drawn by hand: the pad with its strokes, and the answer of the posterior beside it. What a drawing becomes is digit.mjs's.

import { load, posteriorDigest } from 'varpool/browser';
import { answerTo, EXAMPLES, PAD, pictureOf, SIDE, UNKNOWN, verdictOf } from './digit.mjs';
import { runtime } from './live.js';
import { MAX_STROKES, strokesOf } from './state.mjs';

/** @typedef {import('./state.mjs').State} State */
/** @typedef {import('./digit.mjs').Answer} Answer */

/** @template {HTMLElement} T @param {string} selector @returns {T} */
const $ = (selector) => /** @type {T} */ (document.querySelector(selector));
const pad = /** @type {HTMLCanvasElement} */ ($('#pad'));
const color = (/** @type {string} */ name) =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** The pen of the pad, in its units. */
const PEN_WIDTH = 18;
/** Points of a stroke are at least this far apart. */
const STEP = 3;

/** @type {Promise<any> | null} */
let loading = null;
/** The posterior, loaded once. @returns {Promise<any>} */
export function digitsPosterior() {
  loading ??= load(new URL('digits.safetensors', document.baseURI)).catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** @type {[number, number] | null} the cross of the keyboard */
let cursor = null;
let penDown = false;

/** @param {State} state */
export function drawPad(state) {
  const ratio = Math.min(3, devicePixelRatio || 1);
  const side = Math.round(pad.clientWidth * ratio);
  if (side === 0) return;
  pad.width = pad.height = side;
  const context = /** @type {CanvasRenderingContext2D} */ (pad.getContext('2d'));
  context.scale(side / (PAD + 1), side / (PAD + 1));
  context.fillStyle = color('--paper');
  context.fillRect(0, 0, PAD + 1, PAD + 1);
  context.lineCap = context.lineJoin = 'round';
  context.lineWidth = PEN_WIDTH;
  context.strokeStyle = color('--ink');
  for (const [x, y, ...rest] of strokesOf(state)) {
    context.beginPath();
    context.moveTo(x, y);
    // A dot is a line to itself.
    if (rest.length === 0) context.lineTo(x, y);
    for (let i = 0; i < rest.length; i += 2) context.lineTo(rest[i], rest[i + 1]);
    context.stroke();
  }
  if (cursor === null) return;
  context.lineWidth = 2;
  context.strokeStyle = color('--violet');
  context.beginPath();
  for (const [dx, dy] of [
    [9, 0],
    [0, 9],
  ]) {
    context.moveTo(cursor[0] - dx, cursor[1] - dy);
    context.lineTo(cursor[0] + dx, cursor[1] + dy);
  }
  context.stroke();
}

/** What the network is given. @param {State} state */
function drawSeen(state) {
  const seen = /** @type {HTMLCanvasElement} */ ($('#seen'));
  seen.width = seen.height = SIDE;
  const context = /** @type {CanvasRenderingContext2D} */ (seen.getContext('2d'));
  const image = context.createImageData(SIDE, SIDE);
  for (const [p, ink] of pictureOf(strokesOf(state)).entries())
    image.data.set([255 * ink, 255 * ink, 255 * ink, 255], 4 * p);
  context.putImageData(image, 0, 0);
}

for (let digit = 0; digit < 10; digit++) {
  const row = document.createElement('li');
  const name = document.createElement('b');
  name.textContent = `${digit}`;
  const bar = document.createElement('progress');
  bar.max = 1;
  bar.setAttribute('aria-label', `Probability of ${digit}`);
  const share = document.createElement('output');
  row.append(name, bar, share);
  $('#probabilities').append(row);
}

/**
 * Answers a drawing.
 * @param {State} state
 * @param {AbortSignal} signal
 */
export async function answer(state, signal) {
  const strokes = strokesOf(state);
  if (strokes.length === 0) throw new TypeError('Draw a digit.');
  const posterior = await digitsPosterior();
  const start = performance.now();
  const result = await answerTo(runtime, posterior, strokes, signal);
  if (!signal.aborted) {
    drawSeen(state);
    showAnswer(result);
    $('#digitsDigest').textContent = posteriorDigest(posterior);
  }
  return { posterior, digest: result.digest, seconds: (performance.now() - start) / 1000 };
}

/** @param {Answer} answer */
function showAnswer(answer) {
  const { kind, text } = verdictOf(answer);
  $('#verdict').className = kind;
  $('#verdict').textContent = text;
  const best = Math.max(...answer.probabilities);
  for (const [digit, row] of [...$('#probabilities').children].entries()) {
    const share = answer.probabilities[digit];
    row.classList.toggle('best', share === best);
    /** @type {HTMLProgressElement} */ (row.querySelector('progress')).value = share;
    /** @type {HTMLOutputElement} */ (row.querySelector('output')).textContent =
      `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
  }
  for (const [id, value] of /** @type {const} */ ([
    ['epistemic', answer.mutualInformation],
    ['aleatoric', answer.expectedEntropy],
  ])) {
    /** @type {HTMLMeterElement} */ ($(`#${id}`)).value = value;
    $(`output[for="${id}"]`).textContent = `${value.toFixed(2)} nats`;
  }
}

/**
 * Lets the pad draw.
 * @param {{ state: () => State, change: (change: Partial<State>) => void, status: (text: string) => void }} page
 */
export function connectPad({ state, change, status }) {
  const redraw = () => drawPad(state());
  const copied = () => strokesOf(state()).map((stroke) => [...stroke]);
  /** The last stroke goes on, or another begins. @param {readonly [number, number]} to @param {boolean} begins */
  const pull = ([x, y], begins) => {
    const strokes = copied();
    if (strokes.flat().length + 2 > MAX_STROKES) return;
    const last = strokes.at(-1);
    if (begins || last === undefined) strokes.push([x, y]);
    else if (Math.hypot(x - last[last.length - 2], y - last[last.length - 1]) >= STEP) last.push(x, y);
    else return;
    change({ strokes });
  };
  /** @param {PointerEvent} event @returns {[number, number]} */
  const place = ({ clientX, clientY }) => {
    const box = pad.getBoundingClientRect();
    const on = (/** @type {number} */ at) => Math.max(0, Math.min(PAD, Math.round(at * PAD)));
    return [on((clientX - box.left) / box.width), on((clientY - box.top) / box.height)];
  };
  pad.addEventListener('pointerdown', (event) => {
    pad.setPointerCapture(event.pointerId);
    cursor = null;
    pull(place(event), true);
  });
  pad.addEventListener('pointermove', (event) => {
    if (!pad.hasPointerCapture(event.pointerId)) return;
    // A quick pen has been at more places than there were frames.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length > 0 ? events : [event]) pull(place(one), false);
  });
  pad.addEventListener('keydown', (event) => {
    const step = event.shiftKey ? 20 : 6;
    /** @type {Record<string, readonly [number, number]>} */
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const at = cursor ?? [128, 128];
    if (event.key in moves) {
      const clamp = (/** @type {number} */ value) => Math.max(0, Math.min(PAD, value));
      cursor = [clamp(at[0] + moves[event.key][0]), clamp(at[1] + moves[event.key][1])];
      if (penDown) pull(cursor, false);
      else redraw();
    } else if (event.key === 'Enter' || event.key === ' ') {
      penDown = !penDown;
      cursor = at;
      if (penDown) pull(at, true);
      status(penDown ? 'The pen is down: arrows draw.' : 'The pen is up: arrows move.');
    } else if (event.key === 'Delete' || event.key === 'Backspace') undo();
    else return;
    event.preventDefault();
  });
  pad.addEventListener('blur', () => {
    cursor = null;
    penDown = false;
    redraw();
  });
  const undo = () => change({ strokes: copied().slice(0, -1) });
  $('#undo').addEventListener('click', undo);
  $('#example').addEventListener('click', () => {
    const now = JSON.stringify(strokesOf(state()));
    const at = EXAMPLES.findIndex((one) => JSON.stringify(one) === now);
    change({ strokes: EXAMPLES[(at + 1) % EXAMPLES.length].map((stroke) => [...stroke]) });
  });
  /** @type {HTMLMeterElement} */ ($('#epistemic')).high = UNKNOWN;
  new ResizeObserver(redraw).observe(pad);
}
