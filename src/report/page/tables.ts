// Tables of the page: data tables, the confusion matrix, and behind every chart its numbers.

import type { ChartSpec } from '../charts/chartSpec.ts';
import type { Confusion, DataTable } from '../reportData.ts';
import { escapeHtml } from './escape.ts';

/** Rows of the table behind a chart; of more, every n-th. */
const MAX_ROWS = 40;
/** More classes are too many for a matrix: their commonest confusions are listed. */
const MAX_CLASSES = 26;
const MAX_LISTED = 20;

/** A card. @throws RangeError if a row has not one value per column */
export function tableCard(table: DataTable, label: string): string {
  const caption = table.caption === undefined ? '' : `<p class="caption">${escapeHtml(table.caption)}</p>\n`;
  return `<div class="card table">${caption}${scrolling(table, label)}</div>`;
}

/** A wide table scrolls in a box of its own, which the keyboard can reach. */
function scrolling({ corner, columns, rows }: DataTable, label: string): string {
  const cells = (tag: string, texts: readonly string[]) =>
    texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('');
  const lines = rows.map(({ label: name, values, strong }) => {
    if (values.length !== columns.length) {
      throw new RangeError(
        `renderReport: expected ${columns.length} values in ${label}, got ${values.length} for ${name} — give one per column`,
      );
    }
    const row = strong ? '<tr class="strong">' : '<tr>';
    return `${row}<th scope="row">${escapeHtml(name)}</th>${cells('td', values)}</tr>`;
  });
  const first = corner === undefined ? '<td></td>' : `<th scope="col">${escapeHtml(corner)}</th>`;
  const heads = columns.map((text) => `<th scope="col">${escapeHtml(text)}</th>`).join('');
  return `<div class="scroll" tabindex="0" role="group" aria-label="${escapeHtml(label)}"><table>
<thead><tr>${first}${heads}</tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table></div>`;
}

/** The numbers of a chart, closed until they are asked for. */
export function chartTable(spec: ChartSpec): string {
  const shown = spec.legend.filter(({ series }) => series.length > 0);
  const columns = shown.flatMap(({ label, series }) =>
    series.length === 1 ? [label] : [`${label}, lower`, `${label}, upper`],
  );
  if (columns.length === 0 || spec.x.length === 0) return '';
  const series = shown.flatMap((entry) => entry.series);
  const stride = Math.ceil(spec.x.length / MAX_ROWS);
  const last = spec.x.length - 1;
  const rows = spec.x.flatMap((x, i) => {
    // A step ends where the next begins, and the last has no height of its own.
    if ((i % stride !== 0 && i !== last) || (spec.intervals && i === last)) return [];
    const label = spec.intervals
      ? `${show(x, spec.xFormat)} to ${show(spec.x[i + 1], spec.xFormat)}`
      : show(x, spec.xFormat);
    return [{ label, values: series.map((s) => show(spec.series[s].values[i], spec.yFormat)) }];
  });
  const note =
    stride === 1
      ? ''
      : ` (every ${stride}${stride === 2 ? 'nd' : stride === 3 ? 'rd' : 'th'} of ${spec.x.length})`;
  const table = scrolling({ corner: spec.xName, columns, rows }, `Numbers of ${spec.title}`);
  return `<details class="numbers"><summary>Numbers${note}</summary>${table}</details>`;
}

function show(value: number | null | undefined, format: string): string {
  if (value === null || value === undefined) return '–';
  const text =
    format === 'percent' ? `${Number((100 * value).toPrecision(3))} %` : String(Number(value.toPrecision(4)));
  return text.replace('-', '−');
}

/** Actual classes in rows, predicted ones in columns; what is right lies on the diagonal. */
export function confusionCard({ classes, counts }: Confusion): string {
  if (classes.length > MAX_CLASSES) return tableCard(commonest({ classes, counts }), 'Commonest confusions');
  const most = counts.map((row) => row.reduce((sum, n) => sum + n, 0) || 1);
  const line = (name: string, a: number) =>
    `<tr><th scope="row">${escapeHtml(name)}</th>${classes
      .map((_, p) => {
        const n = counts[a][p];
        const share = n / most[a];
        const kind = a === p ? 'right' : 'wrong';
        return `<td class="${kind}" style="--share:${share.toFixed(3)}">${n === 0 ? '<span class="zero">0</span>' : n}</td>`;
      })
      .join('')}</tr>`;
  return `<div class="card table"><p class="caption">Test rows by actual class (rows) and predicted class (columns); shading is the share of a row.</p>
<div class="scroll" tabindex="0" role="group" aria-label="Confusion matrix"><table class="confusion">
<thead><tr><th scope="col">actual</th>${classes.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('')}</tr></thead>
<tbody>
${classes.map(line).join('\n')}
</tbody>
</table></div></div>`;
}

function commonest({ classes, counts }: Confusion): DataTable {
  const wrong = counts.flatMap((row, a) => row.flatMap((n, p) => (a === p || n === 0 ? [] : [{ a, p, n }])));
  return {
    caption: `The commonest confusions among ${classes.length} classes.`,
    corner: 'actual',
    columns: ['predicted', 'rows'],
    rows: wrong
      .sort((x, y) => y.n - x.n)
      .slice(0, MAX_LISTED)
      .map(({ a, p, n }) => ({ label: classes[a], values: [classes[p], String(n)] })),
  };
}
