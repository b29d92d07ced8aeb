// UCI regression on the 20 splits of Hernández-Lobato & Adams: RMSE and test NLL per row, mean ± standard error, original units.
//   node bench/uci.mjs SET… [--root ../shared/data/uci] [--splits 20] [--workers 2] [--set key=json …]

import { parseArgs } from 'node:util';
import { meanAndErrorText, meanAndStandardError } from '../dist/core/metrics/meanAndStandardError.js';
import { build, createRuntime } from '../dist/index.js';
import { uciSplit } from './uciData.mjs';

/** One setting for every set, chosen by hand on the first splits of yacht and concrete, never per set. */
const SETTING = {
  hidden: 50,
  activation: 'relu',
  priorSigma: 1,
  epochs: 2000,
  batchSize: 32,
  draws: 4,
  learningRate: 0.003,
  initialRho: -5,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: '../shared/data/uci' },
    splits: { type: 'string', default: '20' },
    workers: { type: 'string', default: '2' },
    draws: { type: 'string', default: '100' },
    set: { type: 'string', multiple: true, default: [] },
  },
});
const setting = {
  ...SETTING,
  ...Object.fromEntries(values.set.map((pair) => pair.split('=')).map(([k, v]) => [k, asValue(v)])),
};
const runtime = createRuntime({ workers: Number(values.workers), seed: 'uci' });
const started = performance.now();
try {
  for (const set of positionals.length > 0 ? positionals : ['yacht', 'concrete']) await runSet(set);
} finally {
  await runtime.close();
}

async function runSet(set) {
  const t = performance.now();
  // All splits at once: each small training keeps one worker busy.
  const results = await Promise.all(
    Array.from({ length: Number(values.splits) }, (_, split) => runSplit(set, split)),
  );
  const line = (name) => {
    const { mean, standardError } = meanAndStandardError(results.map((result) => result[name]));
    return `${name} ${meanAndErrorText(mean, standardError)}`;
  };
  console.log(
    `${set.padEnd(18)} ${line('rmse')}   ${line('nll')}   ${line('coverage90')}   ${results.length} splits, ${((performance.now() - t) / 1000).toFixed(1)} s`,
  );
}

async function runSplit(set, split) {
  const { train, test } = uciSplit(values.root, set, split);
  const model = build({
    inputSize: train.features.columns,
    hiddenSizes: [setting.hidden],
    outputSize: 1,
    activation: setting.activation,
    priorSigma: setting.priorSigma,
  });
  const posterior = await runtime.train(
    model,
    { x: train.features, y: train.targets.values },
    {
      epochs: setting.epochs,
      batchSize: setting.batchSize,
      draws: setting.draws,
      initialRho: setting.initialRho,
      optimizer: { kind: 'adam', learningRate: setting.learningRate },
      schedule: { kind: 'cosine' },
      seed: `uci/${split}`,
    },
  );
  return runtime.evaluate(
    posterior,
    { x: test.features, y: test.targets.values },
    { draws: Number(values.draws) },
  );
}

function asValue(text) {
  return Number.isNaN(Number(text)) ? text : Number(text);
}
console.log(`total ${((performance.now() - started) / 1000).toFixed(1)} s`);
