// The fields of "what if", as HTML; whatIfClient.ts answers them.

import type { Field, WhatIf } from '../reportData.ts';
import { escapeHtml } from './escape.ts';

/** @param assets what comes along besides the posterior, to tell its size */
export function whatIfSection(
  whatIf: WhatIf,
  assets: { readonly script: string; readonly kernels: string },
): string {
  const kilobytes = (bytes: number) => `${Math.ceil(bytes / 1000).toLocaleString('en')} kB`;
  const [posterior, program] = [whatIf.posterior.length, assets.script.length + assets.kernels.length];
  const fields = whatIf.fields.map(
    (field, i) => `<label>${escapeHtml(field.name)}${input(field, `what-if-${i}`)}</label>`,
  );
  return `<details class="card" id="what-if-fields"><summary>Ask the posterior in this page</summary>
<p class="caption">Set a row; the answer averages ${whatIf.draws} draws of the network, with the bits of <code>varpool predict --draws ${whatIf.draws}</code>. Nothing leaves this page.
This section makes it ${kilobytes(posterior + program)} larger: ${kilobytes(posterior)} posterior, ${kilobytes(program)} program.</p>
<div class="what-if"><div class="what-if-form">
${fields.join('\n')}
</div><div id="what-if-answer" aria-live="polite"></div></div></details>`;
}

function input(field: Field, id: string): string {
  if (field.kind === 'choice') {
    const options = field.levels.map((level) => {
      const chosen = level === field.value ? ' selected' : '';
      return `<option value="${escapeHtml(level)}"${chosen}>${escapeHtml(level)}</option>`;
    });
    return `<select id="${id}">${options.join('')}</select>`;
  }
  const type = field.kind === 'number' ? 'type="number" step="any"' : 'type="text"';
  return `<input id="${id}" ${type} value="${escapeHtml(String(field.value))}" autocomplete="off">`;
}
