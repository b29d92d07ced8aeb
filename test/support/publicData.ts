// Tests on large public data, which is not in the repository (CONTRIBUTING.md, "Public data"): without the data they are skipped,
// and their title says why; where VARPOOL_EXPECT_DATA is set, as in .ci/run, they fail instead.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'vitest';
import { PUBLIC_DATA } from './announcePublicData.ts';

const expected = Boolean(process.env.VARPOOL_EXPECT_DATA);

/**
 * A test that reads `name`, a file or folder of the public data; `body` gets its path and may take `ms`. The title ends in `[public data NAME]`, so that
 * `vitest -t 'public data'` runs the tests of this kind alone.
 */
export function testOnPublicData(
  title: string,
  name: string,
  body: (path: string) => void | Promise<void>,
  ms?: number,
): void {
  const path = resolve(PUBLIC_DATA, name);
  const there = existsSync(path);
  const why = there ? '' : ', which is not here';
  test.skipIf(!there && !expected)(
    `${title} [public data ${name}${why}]`,
    () => {
      if (!there) {
        throw new Error(
          `public data: expected ${path}, got nothing there — see "Public data" in CONTRIBUTING.md`,
        );
      }
      return body(path);
    },
    ms,
  );
}
