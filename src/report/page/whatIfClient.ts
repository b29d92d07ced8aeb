// What runs in the reader's browser where a report answers "what if": reads the fields, asks the posterior in the page, shows the answer. The
// function is sent as its own source text, so it may use nothing but its arguments and the language.

import type { PlainPrediction } from '../../core/predictive/plainPrediction.ts';
import type { WhatIf } from '../reportData.ts';

interface Element {
  textContent: string;
  className: string;
  readonly value: string;
  readonly clientWidth: number;
  setAttribute(name: string, value: string): void;
  append(...children: Element[]): void;
  replaceChildren(...children: Element[]): void;
  addEventListener(type: 'input' | 'toggle', listener: () => void): void;
}
interface Page {
  getElementById(id: string): Element | null;
  createElement(tag: string): Element;
  createElementNS(namespace: string, tag: string): Element;
}
interface Predictor {
  predict(
    rows: readonly unknown[],
    options: { draws: number; quantiles?: number[] },
  ): Promise<PlainPrediction>;
}
type Open = (packed: { posterior: string; kernels: string }) => Promise<Predictor>;

/** Connects the fields `what-if-<i>` with `what-if-answer`; the posterior is unpacked when the first field is touched, or the section opened. */
export function connectWhatIf(page: Page, open: Open, data: WhatIf, kernels: string): void {
  const section = page.getElementById('what-if-fields');
  const answer = page.getElementById('what-if-answer');
  if (!section || !answer) return;
  const inputs = data.fields.map((_, i) => page.getElementById(`what-if-${i}`) as Element);
  let predictor: Promise<Predictor> | null = null;
  /** The column that the curve goes along: the number that was set last. */
  let along = data.fields.findIndex(({ kind }) => kind === 'number');
  let asked = 0;

  const make = (tag: string, text: string, className = '') => {
    const element = page.createElement(tag);
    element.textContent = text;
    if (className !== '') element.className = className;
    return element;
  };
  const shape = (tag: string, attributes: Record<string, string | number>, ...children: Element[]) => {
    const element = page.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
    element.append(...children);
    return element;
  };
  const short = (value: number, digits = 4) => String(Number(value.toPrecision(digits))).replace('-', '−');
  const percent = (value: number) => `${Number((100 * value).toPrecision(3))} %`;

  const cell = (i: number): unknown => {
    const { kind, name } = data.fields[i];
    const text = inputs[i].value.trim();
    if (kind === 'choice') return inputs[i].value;
    if (kind === 'text') return text === '' ? null : Number.isNaN(Number(text)) ? text : Number(text);
    // Whether a cell may be missing, the posterior knows.
    if (text === '' && data.named) return null;
    if (text === '' || Number.isNaN(Number(text))) throw new Error(`${name}: expected a number — type one`);
    return Number(text);
  };
  const row = (change?: number): unknown => {
    const cells = data.fields.map((_, i) => (change !== undefined && i === along ? change : cell(i)));
    return data.named ? Object.fromEntries(data.fields.map(({ name }, i) => [name, cells[i]])) : cells;
  };
  const facts = (lines: ReadonlyArray<readonly [string, string]>) => {
    const list = make('dl', '', 'what-if-facts');
    for (const [name, value] of lines) list.append(make('dt', name), make('dd', value));
    return list;
  };
  const nameOf = (k: number, outputs: number) =>
    (data.classes ?? data.targets)?.[k] ?? (outputs === 1 ? 'prediction' : `output ${k}`);

  const words = (found: PlainPrediction): Element[] => {
    if (found.mutualInformation !== null) {
      const order = found.mean.map((_, k) => k).sort((a, b) => found.mean[b] - found.mean[a]);
      const list = make('ul', '', 'what-if-bars');
      for (const k of order.slice(0, 12)) {
        const item = make('li', '');
        const bar = make('progress', '');
        bar.setAttribute('value', String(found.mean[k]));
        bar.setAttribute('aria-label', nameOf(k, found.outputs));
        item.append(make('span', nameOf(k, found.outputs)), bar, make('b', percent(found.mean[k])));
        list.append(item);
      }
      const sum = (values: readonly number[] | null) => (values ?? []).reduce((a, b) => a + b, 0);
      const more = [
        ['doubt that more data would settle', `${short(sum(found.mutualInformation))} nats`],
        ['doubt that no data would settle', `${short(sum(found.expectedEntropy))} nats`],
      ] as const;
      return [list, facts(more)];
    }
    return found.mean.map((mean, k) =>
      facts([
        [nameOf(k, found.outputs), short(mean)],
        ['90 % of such rows', `${short(found.quantiles[0][k])} … ${short(found.quantiles[1][k])}`],
        ['± that more data would settle', short(Math.sqrt(found.epistemic[k]))],
        ['± that no data would settle', short(Math.sqrt(found.aleatoric[k]))],
      ]),
    );
  };

  /** The first output, or the likeliest class, along one column. */
  const curve = async (
    model: Predictor,
    options: { draws: number; quantiles?: number[] },
    at: PlainPrediction,
  ) => {
    const field = data.fields[along];
    if (field === undefined || field.kind !== 'number' || !(field.high > field.low)) return [];
    const { name, low, high } = field;
    const POINTS = 41;
    const xs = Array.from({ length: POINTS }, (_, i) => low + ((high - low) * i) / (POINTS - 1));
    const found = await model.predict(
      xs.map((x) => row(x)),
      options,
    );
    const classes = found.mutualInformation !== null;
    const k = classes ? at.mean.indexOf(Math.max(...at.mean)) : 0;
    const of = (values: readonly number[]) => xs.map((_, i) => values[i * found.outputs + k]);
    const mean = of(found.mean);
    const [lower, upper] = classes ? [mean, mean] : found.quantiles.map(of);
    const [bottom, top] = classes ? [0, 1] : [Math.min(...lower), Math.max(...upper)];
    const [width, height, left, under] = [640, 260, 62, 40];
    const px = (x: number) => left + ((width - left - 14) * (x - low)) / (high - low);
    const py = (y: number) => 12 + (height - under - 12) * (1 - (y - bottom) / (top - bottom || 1));
    const points = (ys: readonly number[]) => ys.map((y, i) => `${px(xs[i]).toFixed(1)},${py(y).toFixed(1)}`);
    const text = (x: number, y: number, anchor: string, said: string) => {
      const element = shape('text', { x, y, 'text-anchor': anchor });
      element.textContent = said;
      return element;
    };
    const now = Math.min(high, Math.max(low, Number(inputs[along].value)));
    const title = `${nameOf(k, found.outputs)} along ${name}${classes ? '' : ', with 90 % of such rows'}`;
    const drawn = shape(
      'svg',
      { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title },
      shape('polygon', { class: 'band', points: [...points(upper), ...points(lower).reverse()].join(' ') }),
      shape('polyline', { class: 'mean', points: points(mean).join(' ') }),
      shape('line', { class: 'now', x1: px(now), x2: px(now), y1: 12, y2: height - under }),
      text(left - 8, 20, 'end', classes ? percent(top) : short(top, 3)),
      text(left - 8, height - under, 'end', classes ? percent(bottom) : short(bottom, 3)),
      text(left, height - 18, 'start', short(low, 3)),
      text(width - 14, height - 18, 'end', short(high, 3)),
      text((left + width) / 2, height - 18, 'middle', name),
    );
    return [make('h3', title), drawn];
  };

  const ask = async () => {
    const turn = ++asked;
    try {
      predictor ??= open({ posterior: data.posterior, kernels });
      const model = await predictor;
      const options = { draws: data.draws, ...(data.classes === null ? { quantiles: [0.05, 0.95] } : {}) };
      const found = await model.predict([row()], options);
      const parts = [...words(found), ...(await curve(model, options, found))];
      if (turn === asked) answer.replaceChildren(...parts);
    } catch (error) {
      if (turn === asked)
        answer.replaceChildren(make('p', String((error as Error).message ?? error), 'what-if-error'));
    }
  };
  for (const [i, input] of inputs.entries()) {
    input.addEventListener('input', () => {
      if (data.fields[i].kind === 'number') along = i;
      void ask();
    });
  }
  section.addEventListener('toggle', () => void ask());
}
