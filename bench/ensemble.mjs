// What an ensemble is worth against one of its members, and how well its members keep the workers busy.
//   node bench/ensemble.mjs energy [--splits 20]            UCI energy, one hidden layer of 50, setting of bench/uci.mjs
//   node bench/ensemble.mjs mnist [--epochs 3]              MNIST, two hidden layers of 400, with notMNIST as strangers
//   node bench/ensemble.mjs time [--rounds 5]               wall time of both on one and on two workers, in turn
//   common: [--members 5] [--draws 100] [--workers 2] [--backend auto] [--root ../shared/data]

import { parseArgs } from 'node:util';
import { toMatrix } from '../dist/core/matrix.js';
import { auroc } from '../dist/core/metrics/auroc.js';
import { meanAndErrorText, meanAndStandardError } from '../dist/core/metrics/meanAndStandardError.js';
import { readInputs } from '../dist/data/inputs.js';
import { loadData } from '../dist/data/load.js';
import { build, createRuntime } from '../dist/index.js';
import { evaluateClasses } from '../dist/scheduler/prediction/evaluate.js';
import { uciSplit } from './uciData.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    root: { type: 'string', default: '../shared/data' },
    members: { type: 'string', default: '5' },
    draws: { type: 'string', default: '100' },
    workers: { type: 'string', default: '2' },
    backend: { type: 'string', default: 'auto' },
    splits: { type: 'string', default: '20' },
    epochs: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '5' },
  },
});
const members = Number(values.members);
const draws = Number(values.draws);

const ENERGY = {
  epochs: 2000,
  batchSize: 32,
  draws: 4,
  optimizer: { kind: 'adam', learningRate: 0.003 },
  schedule: { kind: 'cosine' },
};
const MNIST = {
  likelihood: 'categorical',
  batchSize: 128,
  standardize: 'none',
  optimizer: { kind: 'adam', learningRate: 0.001 },
  schedule: { kind: 'cosine' },
};

const jobs = { energy, mnist, time };
for (const name of positionals.length > 0 ? positionals : ['energy']) await jobs[name]();

function energyData(split) {
  const data = uciSplit(`${values.root}/uci`, 'energy', split);
  const model = build({ inputSize: data.train.features.columns, hiddenSizes: [50], outputSize: 1 });
  const rows = (table) => ({ x: table.features, y: table.targets.values });
  return { model, train: rows(data.train), test: rows(data.test) };
}

function mnistData() {
  const spec = { kind: 'idx', dir: `${values.root}/mnist`, divisor: 255 };
  const data = loadData(spec, { baseDir: '.', task: 'classification', shuffle: () => undefined });
  const model = build({ inputSize: 784, hiddenSizes: [400, 400], outputSize: 10 });
  const rows = (table) => ({ x: table.features, y: table.targets.labels });
  return { model, train: rows(data.train), test: rows(data.test) };
}

/** Mean over splits of the ensemble, of one member (mean over members), and of their difference on the same split. */
async function energy() {
  const runtime = open(Number(values.workers));
  const results = [];
  for (let split = 0; split < Number(values.splits); split++) {
    const { model, train, test } = energyData(split);
    const options = { ...ENERGY, members, seed: `energy/${split}` };
    const ensemble = await runtime.trainEnsemble(model, train, options);
    const mixture = await runtime.evaluate(ensemble, test, { draws });
    const each = [];
    for (const member of ensemble.members) each.push(await runtime.evaluate(member, test, { draws }));
    results.push({ mixture, each });
    process.stderr.write(`split ${split}: NLL ${mixture.nll.toFixed(3)}\n`);
  }
  await runtime.close();
  console.log(`energy, ${results.length} splits, ${members} members, mean ± standard error`);
  for (const name of ['rmse', 'nll', 'coverage90']) {
    const one = results.map(({ each }) => average(each.map((metrics) => metrics[name])));
    const all = results.map(({ mixture }) => mixture[name]);
    const difference = all.map((value, i) => value - one[i]);
    console.log(
      `${name.padEnd(11)} one member ${stated(one)}   ensemble ${stated(all)}   difference ${stated(difference)}`,
    );
  }
}

async function mnist() {
  const runtime = open(Number(values.workers));
  const { model, train, test } = mnistData();
  const started = performance.now();
  const epochs = Number(values.epochs);
  const ensemble = await runtime.trainEnsemble(model, train, { ...MNIST, epochs, members, seed: 'mnist' });
  const seconds = (performance.now() - started) / 1000;
  const strangers = readInputs(`${values.root}/notmnist-small`, { columns: 784, names: null, divisor: 255 });
  const labels = toMatrix(test.y, 'labels');
  const measure = async (posterior) => {
    const here = await runtime.predict(posterior, test.x, { draws });
    const there = await runtime.predict(posterior, strangers.features, { draws });
    const area = auroc(there.mutualInformation, here.mutualInformation);
    return { ...evaluateClasses(here, labels), auroc: area };
  };
  const mixture = await measure(ensemble);
  const each = [];
  for (const member of ensemble.members) each.push(await measure(member));
  await runtime.close();
  console.log(
    `mnist [400, 400], ${epochs} epochs, ${members} members, ${draws} draws; trained in ${seconds.toFixed(1)} s`,
  );
  for (const name of ['error', 'nll', 'ece', 'brier', 'auroc']) {
    const all = each.map((metrics) => metrics[name]);
    const spread = `${Math.min(...all).toFixed(4)} … ${Math.max(...all).toFixed(4)}`;
    console.log(
      `${name.padEnd(6)} one member ${average(all).toFixed(4)} (${spread})   ensemble ${mixture[name].toFixed(4)}`,
    );
  }
}

/** busy = time the workers spent in steps / (workers × wall): 1 is all of them all the time. */
async function time() {
  const problems = {
    energy: { ...energyData(0), options: { ...ENERGY, draws: 1 } },
    mnist: { ...mnistData(), options: { ...MNIST, epochs: 1 } },
  };
  for (const [name, { model, train, options }] of Object.entries(problems)) {
    const runtimes = [1, 2].map((workers) => open(workers));
    for (const runtime of runtimes)
      await runtime.trainEnsemble(model, train, { ...options, epochs: 1, members: 2 });
    const ratios = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      const walls = [];
      const busy = [];
      for (const runtime of runtimes) {
        const started = performance.now();
        const run = runtime.trainEnsemble(model, train, { ...options, members });
        const { phases } = await run.result;
        walls.push(performance.now() - started);
        const working = phases.prologue + phases.pass + phases.finish + phases.wait;
        busy.push(working / (runtime.workers * walls.at(-1)));
      }
      ratios.push(walls[0] / walls[1]);
      console.log(
        `${name} ${members} members: ${walls.map((ms) => `${(ms / 1000).toFixed(2)} s`).join(', ')}; ratio ${ratios.at(-1).toFixed(2)}; busy ${busy.map((share) => share.toFixed(2)).join(', ')}`,
      );
    }
    ratios.sort((a, b) => a - b);
    console.log(`${name}: median ratio ${ratios[Math.floor(ratios.length / 2)].toFixed(2)}`);
    for (const runtime of runtimes) await runtime.close();
  }
}

function open(workers) {
  return createRuntime({ workers, backend: values.backend, seed: 'ensemble' });
}

function average(list) {
  return list.reduce((sum, value) => sum + value, 0) / list.length;
}

function stated(list) {
  const { mean, standardError } = meanAndStandardError(list);
  return meanAndErrorText(mean, standardError);
}
