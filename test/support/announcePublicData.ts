// Says once, before any test, that those on public data are skipped for want of it.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Folder of the public data: beside the checkout, or where VARPOOL_DATA says. */
export const PUBLIC_DATA = resolve(process.env.VARPOOL_DATA || '../shared/data');

export default function announce(): void {
  if (existsSync(PUBLIC_DATA)) return;
  console.warn(
    `tests on public data are skipped: nothing at ${PUBLIC_DATA} — see "Public data" in CONTRIBUTING.md`,
  );
}
