// @ts-check
// The digest of a playground's link, worked out on Node: node playground/prove.mjs '#…'. It needs the build of a clone (npm run build).

import { fileURLToPath } from 'node:url';
import { build, createRuntime, load, posteriorDigest } from '../dist/index.js';
import { answerTo } from './digit.mjs';
import { fromLink, strokesOf, trainingOf } from './state.mjs';

const state = fromLink(process.argv[2] ?? '');
const runtime = createRuntime({ onWarning: () => undefined });
console.log(state.task === 'digits' ? await answered() : await trained());
await runtime.close();

async function trained() {
  const { network, data, options } = trainingOf(state);
  const model = build(/** @type {any} */ (network));
  return posteriorDigest(await runtime.train(model, data, /** @type {any} */ (options)));
}

async function answered() {
  const posterior = await load(fileURLToPath(new URL('digits.safetensors', import.meta.url)));
  return (await answerTo(runtime, posterior, strokesOf(state))).digest;
}
