// The table of an ensemble: the mixture, one member on average, each member alone.

import type { MemberTable } from '../reportData.ts';
import { escapeHtml } from './escape.ts';

/** A section of the page. @throws RangeError if a row has not one value per column */
export function memberSection({ columns, rows }: MemberTable): string {
  const cells = (tag: string, texts: readonly string[]) =>
    texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('');
  const lines = rows.map(({ label, values }) => {
    if (values.length !== columns.length) {
      throw new RangeError(
        `renderReport: expected ${columns.length} values in members, got ${values.length} for ${label} — give one per column`,
      );
    }
    return `<tr><th scope="row">${escapeHtml(label)}</th>${cells('td', values)}</tr>`;
  });
  return `<section id="members">
<h2>Members</h2>
<div class="card table"><table>
<thead><tr><td></td>${cells('th', columns)}</tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table></div>
</section>`;
}
