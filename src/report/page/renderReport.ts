// report.html: one file with everything in it, which asks no network for anything. Charts come from charts.ts, looks from
// style.ts, drawing in the browser from client.ts.

import type { ChartSpec } from '../charts/chartSpec.ts';
import { type ChartSection, chartSections } from '../charts/charts.ts';
import type { LeastSure, ReportData } from '../reportData.ts';
import { predictionAssets, scriptSource, uplotAssets } from './assets.node.ts';
import { drawCharts } from './client.ts';
import { escapeHtml, escapeJson } from './escape.ts';
import { STYLE } from './style.ts';
import { chartTable, confusionCard, tableCard } from './tables.ts';
import { connectWhatIf } from './whatIfClient.ts';
import { whatIfSection } from './whatIfSection.ts';

// Some loaders wrap inner functions in a helper named __name; the page must have one if the text asks for it.
const START = `const __name = (f) => f;
(${drawCharts.toString()})(document, window, uPlot, JSON.parse(document.getElementById('report-data').textContent), JSON.parse(document.getElementById('report-images').textContent));`;

const START_WHAT_IF = `(${connectWhatIf.toString()})(document, varpoolInPage, JSON.parse(document.getElementById('what-if-data').textContent), document.getElementById('what-if-kernels').textContent);`;

/** Sections that say how the result came about stand after those that say what it is. */
const OF_TRAINING = ['training', 'diagnostics'];

/**
 * The whole page as a string. A Content-Security-Policy in it forbids every request and every script but its own.
 * @throws RangeError if arrays that belong together differ in length
 */
export function renderReport(data: ReportData): string {
  const { script, style, license } = uplotAssets();
  const library = `/*!\n${license}\n*/\n${script}`;
  const sections = chartSections(data);
  const predicts = data.whatIf === undefined ? null : predictionAssets();
  const scripts = [library, ...(predicts === null ? [] : [predicts.script])];
  const starts = [START, ...(predicts === null ? [] : [START_WHAT_IF])];
  const allowed = [...scripts, ...starts].map(scriptSource);
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${allowed.join(' ')}${predicts === null ? '' : " 'wasm-unsafe-eval'"}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(data.title)}</title>
<style>${style}
${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(data.title)}</h1>
${data.subtitle === undefined ? '' : `<p class="subtitle">${escapeHtml(data.subtitle)}</p>`}
</header>
${summary(data)}
${digest(data)}
${data.whatIf === undefined || predicts === null ? '' : plainSection('what-if', 'What if', whatIfSection(data.whatIf, predicts))}
${data.members === undefined ? '' : plainSection('members', 'Members', tableCard(data.members, 'members'))}
${sections
  .filter(({ id }) => !OF_TRAINING.includes(id))
  .map(section)
  .join('\n')}
${data.confusion === undefined ? '' : plainSection('confusion', 'Confusion matrix', confusionCard(data.confusion))}
${data.leastSure === undefined ? '' : plainSection('least-sure', 'Least sure', leastSure(data.leastSure))}
${sections
  .filter(({ id }) => OF_TRAINING.includes(id))
  .map(section)
  .join('\n')}
${config(data)}
<footer>
${data.footer === undefined ? '' : `<div>${escapeHtml(data.footer)}</div>`}
${sections.length === 0 ? '' : '<p class="hint">Point at a chart for its values, or focus it and use the arrow keys; drag to zoom, double-click or press Escape to go back.</p>'}
</footer>
</main>
<noscript><p>The charts need JavaScript; nothing is loaded from a network.</p></noscript>
<script type="application/json" id="report-data">${escapeJson(sections.flatMap((one) => one.charts))}</script>
<script type="application/json" id="report-images">${escapeJson(data.leastSure?.images ?? null)}</script>
${
  data.whatIf === undefined || predicts === null
    ? ''
    : `<script type="application/json" id="what-if-data">${escapeJson(data.whatIf)}</script>
<script type="text/plain" id="what-if-kernels">${predicts.kernels}</script>\n`
}${[...scripts, ...starts].map((script) => `<script>${script}</script>`).join('\n')}
</body>
</html>
`;
}

function summary(data: ReportData): string {
  const items = data.summary.map(({ label, value, note }) => {
    const small = note === undefined ? '' : `<small>${escapeHtml(note)}</small>`;
    return `<div><dt>${escapeHtml(label)}</dt><dd>${escapeHtml(value)}${small}</dd></div>`;
  });
  return items.length === 0 ? '' : `<dl class="summary card" id="summary">\n${items.join('\n')}\n</dl>`;
}

function digest(data: ReportData): string {
  if (data.posteriorDigest === undefined) return '';
  return `<p class="digest card" id="digest">posteriorDigest<code>${escapeHtml(data.posteriorDigest)}</code></p>`;
}

function section({ id, heading, charts, notes = [], tables = [] }: ChartSection): string {
  // Charts stand in pairs; one that is left over has the width of two, its words beside it.
  const narrow = charts.filter(({ wide }) => !wide);
  const alone = narrow.length % 2 === 1 ? narrow.at(-1) : undefined;
  const shown = charts.map((chart) => figure(chart, chart === alone)).join('\n');
  const figures = charts.length === 0 ? '' : `\n<div class="charts">\n${shown}\n</div>`;
  const cards = tables.map((table) => `\n${tableCard(table, heading)}`).join('');
  return plainSection(id, heading, `${warnings(notes).trimStart()}${cards}${figures}`);
}

function plainSection(id: string, heading: string, inside: string): string {
  return `<section id="${id}">\n<h2>${escapeHtml(heading)}</h2>\n${inside.trimStart()}\n</section>`;
}

/** The table of rows, and the same rows as pictures. */
function leastSure({ table, images }: LeastSure): string {
  const pictures = (images?.items ?? []).map(
    ({ label }, i) =>
      `<figure><canvas id="image-${i}" role="img" aria-label="${escapeHtml(label)}"></canvas><figcaption>${escapeHtml(label)}</figcaption></figure>`,
  );
  const gallery = pictures.length === 0 ? '' : `<div class="card images">\n${pictures.join('\n')}\n</div>\n`;
  return `${gallery}${tableCard(table, 'Least sure rows')}`;
}

function warnings(notes: readonly string[]): string {
  if (notes.length === 0) return '';
  const items = notes.map((note) => `<li>${escapeHtml(note)}</li>`);
  return `\n<ul class="notes card">\n${items.join('\n')}\n</ul>`;
}

function figure(spec: ChartSpec, alone: boolean): string {
  const { id, title, caption, wide } = spec;
  const label = escapeHtml(`${title}. ${caption}`);
  return `<figure class="card${wide ? ' wide' : alone ? ' alone' : ''}">
<h3>${escapeHtml(title)}</h3>
<figcaption>${escapeHtml(caption)}</figcaption>
<div class="chart" id="chart-${id}" role="group" aria-roledescription="chart" aria-label="${label}" tabindex="0"></div>
<div class="below"><div class="legend" id="legend-${id}"></div>
<div class="said" id="said-${id}" role="status"></div>
${chartTable(spec)}</div>
</figure>`;
}

function config(data: ReportData): string {
  if (data.config === undefined) return '';
  return `<details class="card" id="config"><summary>Config</summary><pre>${escapeHtml(data.config)}</pre></details>`;
}
