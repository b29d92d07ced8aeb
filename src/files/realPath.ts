// Where a path really leads. What is stored must not depend on the name of a directory it was reached by.

import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** The absolute path without symbolic links, as far as it is there. */
export function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch {
    const parent = dirname(whole);
    return parent === whole ? whole : join(realPath(parent), basename(whole));
  }
}

/** The same, but a link at the end of the path stays one: `latest.csv` is meant to lead elsewhere one day. */
export function realPlace(path: string): string {
  const whole = resolve(path);
  return join(realPath(dirname(whole)), basename(whole));
}
