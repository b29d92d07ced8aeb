// A session's thread that can be made to die while it holds requests: 13 draws end it, 14 throw where
// that is never caught, 15 end it a moment after their answer, 16 hang it.

import { parentPort } from 'node:worker_threads';
import '../../dist/platform/node/sessionEntry.js';

parentPort.on('message', ({ argumentList }) => {
  const draws = argumentList?.[0]?.value?.draws;
  if (draws === 13) process.exit(7);
  if (draws === 15) setTimeout(() => process.exit(7), 20);
  if (draws === 16) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (draws === 14) throw new Error('out of luck');
});
