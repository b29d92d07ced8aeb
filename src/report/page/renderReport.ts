// report.html: one file with everything in it, which asks no network for anything. Charts come from charts.ts, looks from
// style.ts, drawing in the browser from client.ts.

import type { ChartSpec } from '../charts/chartSpec.ts';
import { type ChartSection, chartSections } from '../charts/charts.ts';
import type { ReportData } from '../reportData.ts';
import { scriptSource, uplotAssets } from './assets.node.ts';
import { drawCharts } from './client.ts';
import { escapeHtml, escapeJson } from './escape.ts';
import { memberSection } from './memberTable.ts';
import { STYLE } from './style.ts';

// Some loaders wrap inner functions in a helper named __name; the page must have one if the text asks for it.
const START = `const __name = (f) => f;
(${drawCharts.toString()})(document, window, uPlot, JSON.parse(document.getElementById('report-data').textContent));`;

/**
 * The whole page as a string. A Content-Security-Policy in it forbids every request and every script but its own two.
 * @throws RangeError if arrays that belong together differ in length
 */
export function renderReport(data: ReportData): string {
  const { script, style, license } = uplotAssets();
  const library = `/*!\n${license}\n*/\n${script}`;
  const sections = chartSections(data);
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${scriptSource(library)} ${scriptSource(START)}`;
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
${data.members === undefined ? '' : memberSection(data.members)}
${sections.map(section).join('\n')}
${config(data)}
<footer>
${data.footer === undefined ? '' : `<div>${escapeHtml(data.footer)}</div>`}
${sections.length === 0 ? '' : '<p class="hint">Point at a chart for its values; drag to zoom, double-click to go back.</p>'}
</footer>
</main>
<noscript><p>The charts need JavaScript; nothing is loaded from a network.</p></noscript>
<script type="application/json" id="report-data">${escapeJson(sections.flatMap((one) => one.charts))}</script>
<script>${library}</script>
<script>${START}</script>
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

function section({ id, heading, charts, notes = [] }: ChartSection): string {
  return `<section id="${id}">
<h2>${escapeHtml(heading)}</h2>${warnings(notes)}
<div class="charts">
${charts.map(figure).join('\n')}
</div>
</section>`;
}

function warnings(notes: readonly string[]): string {
  if (notes.length === 0) return '';
  const items = notes.map((note) => `<li>${escapeHtml(note)}</li>`);
  return `\n<ul class="notes card">\n${items.join('\n')}\n</ul>`;
}

function figure({ id, title, caption, wide }: ChartSpec): string {
  const label = escapeHtml(`${title}. ${caption}`);
  return `<figure class="card${wide ? ' wide' : ''}">
<h3>${escapeHtml(title)}</h3>
<figcaption>${escapeHtml(caption)}</figcaption>
<div class="chart" id="chart-${id}" role="img" aria-label="${label}"></div>
<div class="legend" id="legend-${id}"></div>
</figure>`;
}

function config(data: ReportData): string {
  if (data.config === undefined) return '';
  return `<details class="card" id="config"><summary>Config</summary><pre>${escapeHtml(data.config)}</pre></details>`;
}
