// A pool's worker that hangs, as HANGS says: `KIND:N` and a folder to count in. The first N requests of that kind never come back.
// With a third word, `native`, it hangs in native code, which no one can end.

import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { nodeCompute } from '../../dist/platform/node/nodeCompute.js';

const compute = nodeCompute();
const [kind, times, how] = process.env.HANGS.split(':');

/** Whether it is this request's turn to hang: the request that makes the folder takes the turn. */
function turn() {
  for (let n = 0; n < Number(times); n++) {
    try {
      mkdirSync(join(process.env.HANGS_IN, String(n)));
      return true;
    } catch {}
  }
  return false;
}

export default (request) => {
  if (request.kind === kind && turn()) {
    if (how === 'native')
      createRequire(import.meta.url)('koffi')
        .load(null)
        .func('int pause(void)')();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
  return compute(request);
};
