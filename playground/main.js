// @ts-check
// The page: a state that every control changes, its link, and the training that follows it.

import { posteriorBytes } from 'varpool/browser';
import { answer, connectPad, drawPad } from './digits.js';
import { isolate } from './isolation.js';
import { runtime, train } from './live.js';
import { help, pointsFrom } from './points.js';
import { DEFAULTS, fromLink, MAX_POINTS, pointsOf, RANGE, toLink } from './state.mjs';
import { connectTheme } from './theme.js';
import { dataAt, drawCurve, drawMap } from './view.js';

/** @typedef {import('./state.mjs').State} State */
/** @typedef {import('./view.js').MapKind} MapKind */

/** @template {HTMLElement} T @param {string} selector @returns {T} */
const $ = (selector) => /** @type {T} */ (document.querySelector(selector));
const canvas = /** @type {HTMLCanvasElement} */ ($('#view'));
const form = /** @type {HTMLFormElement} */ ($('#controls'));
const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
const status = (/** @type {string} */ text) => ($('#status').textContent = text);

/** @type {State} */
let state = { ...DEFAULTS.curve };
/** @type {import('./live.js').Picture} */
let picture = { curve: null, maps: null };
/** @type {[number, number] | null} */
let cursor = null;
/** @type {MapKind[]} the large one first */
let maps = ['probability', 'epistemic', 'aleatoric'];
/** @type {AbortController | null} */
let under = null;
/** @type {any} */
let posterior = null;
let timer = 0;

const CAPTIONS = {
  probability: 'Prediction: which class, and how surely',
  epistemic: 'Epistemic: what more data would settle',
  aleatoric: 'Aleatoric: what no data would settle',
};

function draw() {
  if (state.task === 'digits') drawPad(state);
  else if (state.task === 'curve') drawCurve(canvas, state, picture.curve, cursor);
  else {
    for (const [i, box] of ['main', 'first', 'second'].entries()) {
      const figure = $(`figure[data-map="${box}"]`);
      drawMap(
        /** @type {HTMLCanvasElement} */ (figure.querySelector('canvas')),
        state,
        picture.maps,
        maps[i],
        i === 0 ? cursor : null,
      );
      /** @type {HTMLElement} */ (figure.querySelector('figcaption')).textContent = CAPTIONS[maps[i]];
    }
  }
}

/** What the controls show of the state. */
function show() {
  const spirals = state.task === 'spirals';
  document.body.dataset.task = state.task;
  for (const tab of document.querySelectorAll('[data-task]'))
    tab.setAttribute('aria-pressed', `${/** @type {HTMLElement} */ (tab).dataset.task === state.task}`);
  $('#maps').classList.toggle('three', spirals);
  for (const box of ['first', 'second']) $(`figure[data-map="${box}"]`).hidden = !spirals;
  $('#noiseFields').hidden = spirals;
  $('#classB').hidden = !spirals;
  $('#classB')
    .previousElementSibling?.querySelector('span')
    ?.replaceChildren(spirals ? 'Add A' : 'Add');
  canvas.setAttribute(
    'aria-label',
    spirals
      ? `Map of two classes with ${pointsOf(state).length} points`
      : `Curve through ${pointsOf(state).length} points`,
  );
  if (!spirals)
    $('#caption').innerHTML =
      '<span><i class="i-mean"></i>mean and single draws</span><span><i class="i-epistemic"></i>90 % epistemic</span><span><i class="i-aleatoric"></i>90 % with noise</span>';
  field('layers').value = `${state.hidden.length}`;
  field('units').value = `${Math.log2(state.hidden[0] ?? 16)}`;
  for (const name of /** @type {const} */ (['activation', 'prior', 'likelihood', 'seed']))
    field(name).value = state[name];
  field('priorScale').value = `${Math.log2(state.priorScale)}`;
  field('temperature').value = `${Math.log2(state.temperature)}`;
  field('learned').checked = state.noise === null;
  field('noise').disabled = state.noise === null;
  field('noise').value = `${Math.log2(state.noise ?? 0.2)}`;
  field('steps').value = `${Math.log2(state.steps)}`;
  const said = {
    layers: state.hidden.length,
    units: state.hidden[0] ?? '–',
    priorScale: state.priorScale.toPrecision(2),
    temperature: state.temperature === 1 ? '1 (Bayes)' : state.temperature.toPrecision(2),
    noise: state.noise === null ? 'learned' : state.noise.toPrecision(2),
    steps: state.steps.toLocaleString('en'),
  };
  for (const [name, text] of Object.entries(said)) $(`output[data-for="${name}"]`).textContent = `${text}`;
  const link = toLink(state);
  history.replaceState(null, '', link);
  $('#command').textContent = `node playground/prove.mjs '${link}'`;
}

/** @param {Partial<State>} change */
function change(change) {
  state = { ...state, ...change };
  show();
  draw();
  clearTimeout(timer);
  // An answer is there at once; a training waits for the end of a change.
  timer = setTimeout(begin, state.task === 'digits' ? 60 : 300);
}

async function begin() {
  clearTimeout(timer);
  under?.abort();
  const own = new AbortController();
  under = own;
  posterior = null;
  $('#train').textContent = 'Stop';
  $('#digest').className = 'mono';
  $('#digest').textContent = '…';
  /** @type {HTMLButtonElement} */ ($('#download')).disabled = true;
  try {
    const result = await (state.task === 'digits' ? answer(state, own.signal) : learn(own));
    if (own.signal.aborted) return;
    posterior = result.posterior;
    $('#digest').textContent = result.digest;
    $('#digest').className = 'mono done';
    /** @type {HTMLButtonElement} */ ($('#download')).disabled = false;
    const done = state.task === 'digits' ? 'Answered by 200 draws of the network' : 'Trained';
    status(`${done} in ${result.seconds.toFixed(state.task === 'digits' ? 2 : 1)} s on ${cores()}`);
    document.dispatchEvent(new CustomEvent('trained', { detail: result.digest }));
  } catch (error) {
    if (own.signal.aborted) return;
    status(/** @type {Error} */ (error).message);
    $('#digest').textContent =
      `No digest: the ${state.task === 'digits' ? 'answer' : 'training'} did not end.`;
  } finally {
    if (under === own) {
      under = null;
      $('#train').textContent = 'Train';
    }
  }
}

const cores = () => `${runtime.workers} ${runtime.workers === 1 ? 'worker' : 'workers'}`;

/** @param {AbortController} own */
function learn(own) {
  if (pointsOf(state).length < 2) throw new TypeError('Add at least two points.');
  status(`Training on ${cores()} …`);
  return train(state, own.signal, (frame) => {
    if (own.signal.aborted) return;
    picture = frame.picture;
    /** @type {HTMLProgressElement} */ ($('#progress')).value = frame.step / frame.steps;
    status(`Step ${frame.step.toLocaleString('en')} of ${frame.steps.toLocaleString('en')} on ${cores()}`);
    draw();
  });
}

// Points.

const tool = () => /** @type {HTMLInputElement} */ ($('input[name="tool"]:checked')).value;

/** @param {number} x @param {number} y */
function touch(x, y, which = tool()) {
  const points = [...pointsOf(state)];
  if (which === 'erase') {
    const kept = points.filter(([u, v]) => (u / 1000 - x) ** 2 + (v / 1000 - y) ** 2 > 0.03);
    if (kept.length < points.length) change({ points: kept });
  } else if (points.length < MAX_POINTS && Math.abs(x) <= RANGE && Math.abs(y) <= RANGE) {
    const label = state.task === 'spirals' ? [Number(which)] : [];
    change({ points: [...points, [Math.round(1000 * x), Math.round(1000 * y), ...label]] });
  }
}

let last = [Number.NaN, Number.NaN];
canvas.addEventListener('pointerdown', (event) => {
  canvas.setPointerCapture(event.pointerId);
  cursor = null;
  last = [event.clientX, event.clientY];
  const [x, y] = dataAt(canvas, event.clientX, event.clientY);
  touch(x, y);
});
canvas.addEventListener('pointermove', (event) => {
  if (!canvas.hasPointerCapture(event.pointerId)) return;
  if (Math.hypot(event.clientX - last[0], event.clientY - last[1]) < 14) return;
  last = [event.clientX, event.clientY];
  const [x, y] = dataAt(canvas, event.clientX, event.clientY);
  touch(x, y);
});
canvas.addEventListener('keydown', (event) => {
  const step = event.shiftKey ? 0.5 : 0.1;
  /** @type {Record<string, readonly [number, number]>} */
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  const at = cursor ?? [0, 0];
  if (event.key in moves) {
    const clamp = (/** @type {number} */ value) => Math.max(-RANGE, Math.min(RANGE, value));
    cursor = [clamp(at[0] + moves[event.key][0]), clamp(at[1] + moves[event.key][1])];
    status(`Cross at ${cursor[0].toFixed(1)}, ${cursor[1].toFixed(1)}`);
    draw();
  } else if (event.key === 'Enter' || event.key === ' ')
    touch(at[0], at[1], tool() === 'erase' ? '0' : tool());
  else if (event.key === 'Delete' || event.key === 'Backspace') touch(at[0], at[1], 'erase');
  else return;
  event.preventDefault();
});
canvas.addEventListener('blur', () => {
  cursor = null;
  draw();
});

// Controls.

form.addEventListener('submit', (event) => event.preventDefault());
form.addEventListener('input', (event) => {
  const { name } = /** @type {HTMLInputElement} */ (event.target);
  const value = (/** @type {string} */ of) => 2 ** Number(field(of).value);
  const round = (/** @type {number} */ number) => Number(number.toPrecision(2));
  /** @type {Record<string, () => Partial<State>>} */
  const changes = {
    layers: () => ({ hidden: Array(Number(field('layers').value)).fill(value('units')) }),
    units: () => ({ hidden: state.hidden.map(() => value('units')) }),
    activation: () => ({ activation: /** @type {State['activation']} */ (field('activation').value) }),
    prior: () => ({ prior: /** @type {State['prior']} */ (field('prior').value) }),
    likelihood: () => ({ likelihood: /** @type {State['likelihood']} */ (field('likelihood').value) }),
    priorScale: () => ({ priorScale: round(value('priorScale')) }),
    temperature: () => ({ temperature: round(value('temperature')) }),
    learned: () => ({ noise: field('learned').checked ? null : round(value('noise')) }),
    noise: () => ({ noise: round(value('noise')) }),
    steps: () => ({ steps: round(value('steps')) }),
    seed: () => ({ seed: field('seed').value }),
  };
  change(changes[name]());
});
for (const tab of document.querySelectorAll('[data-task]')) {
  tab.addEventListener('click', () => {
    picture = { curve: null, maps: null };
    const task = /** @type {import('./state.mjs').Task} */ (/** @type {HTMLElement} */ (tab).dataset.task);
    change({ ...DEFAULTS[task] });
  });
}
$('#train').addEventListener('click', () => {
  if (under === null) void begin();
  else {
    under.abort();
    status('Stopped');
    $('#digest').textContent = 'No digest: the training did not end.';
  }
});
$('#clear').addEventListener('click', () =>
  change(state.task === 'digits' ? { strokes: [] } : { points: [] }),
);
$('#reset').addEventListener('click', () => change({ ...DEFAULTS[state.task] }));
for (const [i, box] of ['first', 'second'].entries()) {
  $(`figure[data-map="${box}"] button`).addEventListener('click', () => {
    const swapped = [...maps];
    [swapped[0], swapped[i + 1]] = [swapped[i + 1], swapped[0]];
    maps = swapped;
    draw();
  });
}

// Pasting, dropping, copying, saving.

const dialog = /** @type {HTMLDialogElement} */ ($('#pasting'));
const pasted = /** @type {HTMLTextAreaElement} */ ($('#pasting textarea'));
$('#paste').addEventListener('click', () => {
  $('#pasteHelp').textContent = help(state.task);
  $('#pasting .error').textContent = '';
  dialog.showModal();
});
dialog.querySelector('form')?.addEventListener('submit', (event) => {
  if (/** @type {HTMLButtonElement | null} */ (event.submitter)?.value !== 'take') return;
  try {
    change({ points: pointsFrom(pasted.value, state.task) });
  } catch (error) {
    event.preventDefault();
    $('#pasting .error').textContent = /** @type {Error} */ (error).message;
  }
});
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
document.addEventListener('dragleave', () => document.body.classList.remove('dropping'));
document.addEventListener('drop', async (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  const file = event.dataTransfer?.files[0];
  if (file === undefined || state.task === 'digits') return;
  try {
    change({ points: pointsFrom(await file.text(), state.task) });
  } catch (error) {
    status(`${file.name}: ${/** @type {Error} */ (error).message}`);
  }
});
for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', async () => {
    const what = /** @type {HTMLElement} */ (button).dataset.copy;
    try {
      await navigator.clipboard.writeText(
        what === 'link' ? location.href : ($('#command').textContent ?? ''),
      );
      status(`Copied the ${what}.`);
    } catch {
      status('This browser did not allow copying: select the text instead.');
    }
  });
}
$('#download').addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([posteriorBytes(posterior)]));
  link.download = 'posterior.safetensors';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
});

connectPad({ state: () => state, change, status });
connectTheme(draw);
new ResizeObserver(draw).observe(canvas);

addEventListener('hashchange', () => open());

function open() {
  /** @type {string | null} */
  let problem = null;
  try {
    if (location.hash.length > 1) state = fromLink(location.hash);
  } catch (error) {
    problem = /** @type {Error} */ (error).message;
  }
  show();
  draw();
  if (problem === null) return void begin();
  // A training would overwrite the message.
  under?.abort();
  status(problem);
}

await isolate();
open();
