// What the page at `/` does: lists models with their metrics, asks one row, and draws the answer. Plain JavaScript for browsers, as text, for
// nothing is bundled; every value goes into the page as text, never as markup.

export const SCRIPT = String.raw`
const SVG = 'http://www.w3.org/2000/svg';
const $ = (id) => document.getElementById(id);
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
function shape(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}
const short = (value) => (Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(3) : String(Number(value.toPrecision(5))));

async function ask(path, body) {
  const headers = {};
  const token = $('token') && $('token').value;
  if (token) headers.authorization = 'Bearer ' + token;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const response = await fetch(path, { method: body === undefined ? 'GET' : 'POST', headers, body });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || 'status ' + response.status);
  return answer;
}

function interval(mean, levels, values, title) {
  // Quantiles are points of the distribution function; the density between them is their share over their distance.
  const svg = shape('svg', { viewBox: '0 0 600 150', role: 'img', 'aria-label': title });
  const low = values[0], high = values[values.length - 1];
  const span = high - low || Math.abs(mean) || 1;
  const x = (value) => 30 + (540 * (value - low)) / span;
  let top = 0;
  const bars = [];
  for (let i = 1; i < values.length; i++) {
    const width = values[i] - values[i - 1];
    const density = width > 0 ? (levels[i] - levels[i - 1]) / width : 0;
    if (density > top) top = density;
    bars.push([values[i - 1], values[i], density]);
  }
  for (const [from, to, density] of bars) {
    const height = top > 0 ? (90 * density) / top : 0;
    svg.append(shape('rect', { class: 'band', x: x(from), y: 110 - height, width: Math.max(0, x(to) - x(from)), height }));
  }
  svg.append(shape('line', { class: 'axis', x1: 20, x2: 580, y1: 110, y2: 110 }));
  svg.append(shape('line', { class: 'mean', x1: x(mean), x2: x(mean), y1: 15, y2: 115 }));
  svg.append(shape('text', { x: x(mean), y: 12, 'text-anchor': 'middle' }, short(mean)));
  for (const level of [0.05, 0.5, 0.95]) {
    const at = levels.indexOf(level);
    if (at < 0) continue;
    svg.append(shape('line', { class: 'axis', x1: x(values[at]), x2: x(values[at]), y1: 106, y2: 116 }));
    svg.append(shape('text', { x: x(values[at]), y: level === 0.5 ? 145 : 130, 'text-anchor': 'middle' }, Math.round(level * 100) + ' %: ' + short(values[at])));
  }
  return svg;
}

function bars(names, values, title) {
  const order = names.map((_, k) => k).sort((a, b) => values[b] - values[a]).slice(0, 20);
  const svg = shape('svg', { viewBox: '0 0 600 ' + (order.length * 22 + 6), role: 'img', 'aria-label': title });
  order.forEach((k, n) => {
    const y = n * 22 + 4;
    svg.append(shape('text', { x: 150, y: y + 13, 'text-anchor': 'end' }, names[k].length > 20 ? names[k].slice(0, 19) + '…' : names[k]));
    svg.append(shape('rect', { class: 'bar', x: 160, y, width: Math.max(1, 340 * values[k]), height: 16 }));
    svg.append(shape('text', { x: 168 + 340 * values[k], y: y + 13 }, (100 * values[k]).toFixed(1) + ' %'));
  });
  return svg;
}

const LEVELS = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

function picture(facts, outputs, K) {
  const by = Object.fromEntries(outputs.map((output) => [output.name, output]));
  const box = make('div', { class: 'picture' });
  const table = make('table');
  const line = (name, value) => table.append(make('tr', {}, make('th', {}, name), make('td', {}, value)));
  if (by.probabilities) {
    const names = facts.classes || (K === 1 ? ['yes'] : Array.from({ length: K }, (_, k) => (facts.targets && facts.targets[k]) || String(k)));
    box.append(bars(names, by.probabilities.data, 'probability of each class'));
    if (by.label) line('class', by.label.data[0]);
    line('predictive entropy (nats)', by.predictive_entropy.data.map(short).join(', '));
    line('of it doubt that more data removes', by.mutual_information.data.map(short).join(', '));
  } else {
    for (let k = 0; k < K; k++) {
      const name = (facts.targets && facts.targets[k]) || (K === 1 ? 'prediction' : 'output ' + k);
      const values = by.quantiles.data.slice(k * LEVELS.length, (k + 1) * LEVELS.length);
      box.append(make('p', {}, name), interval(by.mean.data[k], LEVELS, values, name + ': density with mean and quantiles'));
      line(name + ' ± standard deviation', short(by.mean.data[k]) + ' ± ' + short(Math.sqrt(by.variance.data[k])));
      line('noise that no data removes', '± ' + short(Math.sqrt(by.aleatoric.data[k])));
      line('doubt that more data removes', '± ' + short(Math.sqrt(by.epistemic.data[k])));
    }
  }
  box.append(table);
  return box;
}

function section(model) {
  const facts = model.parameters;
  const columns = model.inputs[0].shape[1];
  const K = model.outputs.find((output) => output.name === 'mean').shape[1];
  const box = make('section', { 'data-model': model.name });
  box.append(make('h2', {}, model.name));
  box.append(make('p', { class: 'facts' }, 'version ' + facts.version + ' of ' + model.versions.join(', ') + ' · ' + facts.likelihood + ' · ' + columns + ' inputs, ' + K + (K === 1 ? ' output' : ' outputs') + (facts.members > 1 ? ' · ' + facts.members + ' members' : '')));
  if (facts.test) {
    const table = make('table', { class: 'metrics' });
    for (const [name, value] of Object.entries(facts.test)) table.append(make('tr', {}, make('th', {}, 'test ' + name), make('td', {}, value === null ? '–' : short(value))));
    box.append(table);
  }
  const form = make('form');
  const fields = [];
  const named = facts.columns && facts.columns.some((column) => column.kind !== 'numeric');
  const labeled = named ? facts.columns : Array.from({ length: columns }, (_, c) => (facts.columns ? facts.columns[c] : { name: 'x[' + c + ']', kind: 'numeric' }));
  // Of a table with texts, features and columns are not the same.
  const value = (c) => String(named ? 0 : facts.example[c]);
  if (labeled.length <= 40) {
    for (const [c, { name, kind, levels }] of labeled.entries()) {
      const field = levels
        ? make('select', {}, ...levels.map((level) => make('option', {}, level)))
        : kind === 'numeric'
          ? make('input', { type: 'number', step: 'any', value: value(c), required: '' })
          : make('input', { type: 'text', value: '' });
      fields.push(field);
      form.append(make('label', {}, name, field));
    }
  } else {
    const field = make('textarea', { rows: '3' });
    field.value = facts.example.join(' ');
    fields.push(field);
    form.append(make('label', { class: 'wide' }, columns + ' numbers, apart by blanks or commas', field));
  }
  const inputs = () => {
    if (named) {
      return labeled.map(({ name, kind }, c) =>
        kind === 'numeric'
          ? { name, shape: [1], datatype: 'FP64', data: [Number(fields[c].value)] }
          : { name, shape: [1], datatype: 'BYTES', data: [fields[c].value] },
      );
    }
    const data = labeled.length <= 40 ? fields.map((field) => Number(field.value)) : fields[0].value.trim().split(/[\s,]+/).map(Number);
    return [{ name: 'x', shape: [1, columns], datatype: 'FP64', data }];
  };
  const draws = make('input', { type: 'number', min: String(facts.members), step: '1', value: String(facts.draws) });
  const mode = make('select', {}, ...facts.modes.map((name) => make('option', {}, name)));
  form.append(make('label', {}, 'draws', draws), make('label', {}, 'mode', mode), make('button', { type: 'submit' }, 'Ask'));
  const result = make('div', { class: 'result', 'aria-live': 'polite' });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const parameters = { mode: mode.value };
    if (mode.value !== 'mean') parameters.draws = Number(draws.value);
    if (!facts.classes && facts.default_outputs.includes('mean')) parameters.quantiles = LEVELS;
    const body = JSON.stringify({ inputs: inputs(), parameters });
    const path = 'v2/models/' + encodeURIComponent(model.name) + '/infer';
    try {
      const answer = await ask(path, body);
      const auth = $('token') ? ' -H "Authorization: Bearer $TOKEN"' : '';
      const url = new URL(path, location.href);
      result.replaceChildren(picture(facts, answer.outputs, K), make('pre', {}, 'curl' + auth + ' ' + url + " -d '" + body.replaceAll("'", "'\\''") + "'"));
    } catch (error) {
      result.replaceChildren(make('p', { class: 'problem' }, error.message));
    }
  });
  box.append(form, result);
  return box;
}

async function show() {
  try {
    const server = await ask('v2');
    const { models } = await ask('v2/models');
    $('server').textContent = server.version + ' · Open Inference Protocol v2';
    const ready = [...new Set(models.filter((entry) => entry.state === 'READY').map((entry) => entry.name))];
    const sections = [];
    for (const name of ready) sections.push(section(await ask('v2/models/' + encodeURIComponent(name))));
    for (const entry of models) if (entry.state !== 'READY') sections.push(make('p', { class: 'problem' }, entry.name + ' ' + entry.version + ': ' + entry.reason));
    $('models').replaceChildren(...sections);
  } catch (error) {
    $('server').textContent = error.message;
  }
}
if ($('token')) $('token').addEventListener('change', show);
show();
`;
