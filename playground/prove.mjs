// @ts-check
// The digest of a playground's link, trained on Node: node playground/prove.mjs '#…'. It needs the build of a clone (npm run build).

import { build, createRuntime, posteriorDigest } from '../dist/index.js';
import { fromLink, trainingOf } from './state.mjs';

const { network, data, options } = trainingOf(fromLink(process.argv[2] ?? ''));
const runtime = createRuntime({ onWarning: () => undefined });
const posterior = await runtime.train(
  build(/** @type {any} */ (network)),
  data,
  /** @type {any} */ (options),
);
console.log(posteriorDigest(posterior));
await runtime.close();
