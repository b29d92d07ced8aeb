// A random small problem, and everything computed from it as hashes that must be equal wherever they are computed. As a program: the facts
// of the problems in a JSON file, for processes with other flags and surroundings.
// node [FLAGS] test/slow/campaign/bitsOf.mjs problems.json

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  build,
  createRuntime,
  diagnosePosterior,
  epochRows,
  memberSeed,
  openSession,
  posteriorDigest,
} from '../../../dist/index.js';
import { sha256 } from './harness.mjs';

const KINDS = ['gaussian', 'categorical', 'bernoulli'];
const ACTIVATIONS = ['relu', 'tanh', 'identity'];

/** Plain data, so that another process can be given it. */
export function randomProblem(random, n) {
  const rows = 17 + random.below(50);
  const kind = random.pick(KINDS);
  // Most are small and train in one worker; some are wide enough for a team.
  const hidden = random.chance(0.15)
    ? [96 + random.below(120), 64 + random.below(60)]
    : Array.from({ length: random.below(3) }, () => 1 + random.below(20));
  return {
    seed: random.pick([`bits ${n}`, n, `é${n}`]),
    rows,
    inputs: 1 + random.below(6),
    hidden,
    outputs: kind === 'categorical' ? 2 + random.below(18) : 1 + random.below(3),
    activation: random.pick(ACTIVATIONS),
    priorSigma: random.pick([1, 0.3, 2.5]),
    members: random.chance(0.2) ? 2 + random.below(2) : 0,
    options: {
      likelihood: kind === 'gaussian' ? { kind, scale: 'learned' } : { kind },
      epochs: 2 + random.below(5),
      // Odd batches, the last one short; one row; all rows.
      batchSize: random.pick([1 + random.below(rows), 7, 16, rows]),
      draws: random.pick([1, 1, 2, 3]),
      initialRho: random.pick([-5, -3, -1.5]),
      standardize: random.pick(kind === 'gaussian' ? ['both', 'features', 'none'] : ['features', 'none']),
      optimizer: random.pick([
        { kind: 'adam', learningRate: 0.01 },
        { kind: 'adam', learningRate: 0.003, beta1: 0.8, beta2: 0.95, eps: 1e-6 },
        { kind: 'sgd', learningRate: 1e-3, momentum: 0.9 },
        { kind: 'sgd', learningRate: 1e-3 },
      ]),
      schedule: random.pick([{ kind: 'constant' }, { kind: 'cosine', finalFraction: 0.1 }]),
      klWeighting: random.pick(['uniform', 'blundell', { kind: 'warmup', epochs: 2 }]),
      diagnostics: { every: random.pick([0, 1, 2]) },
      ...(random.chance(0.3) ? { earlyStopping: { patience: 2 } } : {}),
    },
  };
}

/** Rows of whole numbers' quotients: no function of the engine's has a part in them. */
function tableOf({ rows, inputs, outputs, options }, shift) {
  const x = [];
  const y = [];
  for (let i = shift; i < rows + shift; i++) {
    x.push(Array.from({ length: inputs }, (_, c) => (((i + 3) * (7 * c + 5)) % 41) / 20 - 1));
    const sum = x.at(-1).reduce((total, value, c) => total + value * (c + 1), 0);
    const { kind } = options.likelihood;
    if (kind === 'categorical') y.push([Math.abs(Math.round(3 * sum + i)) % outputs]);
    else if (kind === 'bernoulli') y.push(Array.from({ length: outputs }, (_, k) => (sum > k / 4 ? 1 : 0)));
    else y.push(Array.from({ length: outputs }, (_, k) => sum * (k + 1) + ((i * 29) % 13) / 40));
  }
  return { x, y };
}

/**
 * Everything computed from a problem.
 * @param session whether a session of that backend makes the predictions, which must be those of the runtime
 * @param interruptAt step at which the training is cut short and resumed from its saved state; 0 for never
 * @returns [name, hash] pairs
 */
export async function factsOf(problem, runtime, { interruptAt = 0, session } = {}) {
  const { seed, inputs, hidden, outputs, activation, priorSigma, members } = problem;
  const model = build({
    inputSize: inputs,
    hiddenSizes: hidden,
    outputSize: outputs,
    activation,
    priorSigma,
  });
  const data = tableOf(problem, 0);
  const validation = { ...tableOf({ ...problem, rows: 9 }, 100), draws: 3 };
  const options = { ...problem.options, seed, validation };
  const facts = [];
  const add = (name, value) => facts.push([name, sha256(plain(value))]);
  let posterior;
  if (members > 0) {
    const run = runtime.trainEnsemble(model, data, { ...options, members });
    const reports = [];
    for await (const report of run) reports.push(report);
    posterior = await run;
    reports.sort((a, b) => a.member - b.member || a.epoch - b.epoch);
    for (const { seconds, ...report } of reports)
      add(`report of member ${report.member}, epoch ${report.epoch}`, report);
    for (const [m, member] of posterior.members.entries())
      add(`digest of member ${m}`, posteriorDigest(member));
    const alone = await runtime.train(model, data, { ...options, seed: memberSeed(String(seed), 1) });
    add('digest of member 1', posteriorDigest(alone));
  } else {
    posterior = await trainedOf(runtime, model, data, options, interruptAt, add);
    add('diagnosis', diagnosePosterior(posterior));
  }
  add('digest', posteriorDigest(posterior));
  const x = tableOf({ ...problem, rows: 21 }, 7);
  const gaussian = options.likelihood.kind === 'gaussian';
  const quantiles = gaussian ? { quantiles: [0.1, 0.5, 0.95] } : {};
  const open = session === undefined ? null : await openSession(posterior, { backend: session });
  const predict = (...asked) => open?.predict(...asked) ?? runtime.predict(posterior, ...asked);
  for (const mode of ['sample', 'mean', 'marginal']) {
    const prediction = await predict(x.x, { draws: 11, mode, ...quantiles });
    for (const name of [
      'mean',
      'variance',
      'aleatoric',
      'epistemic',
      'predictiveEntropy',
      'mutualInformation',
      'quantiles',
    ])
      add(`${name}, ${mode}`, prediction[name]);
    add(`evaluation, ${mode}`, await runtime.evaluate(posterior, x, { draws: 11, mode }));
  }
  await open?.close();
  for await (const { values } of runtime.draws(posterior, x.x, { draws: 3 })) add('draw', values);
  add('rows of an epoch', epochRows(String(seed), 2, problem.rows));
  return facts;
}

/** Trained in one go, or cut short and resumed: the reports of both are the same. */
async function trainedOf(runtime, model, data, options, interruptAt, add) {
  const reports = new Map();
  const onReport = ({ seconds, ...report }) => reports.set(report.epoch, report);
  let state;
  let posterior;
  if (interruptAt > 0) {
    const controller = new AbortController();
    const save = (saved) => {
      state = saved;
      controller.abort(new Error('cut short'));
    };
    const { signal } = controller;
    const run = runtime.train(model, data, {
      ...options,
      onReport,
      signal,
      checkpoint: { everySteps: interruptAt, save },
    });
    posterior = await run.then(
      (done) => done,
      () => undefined,
    );
  }
  posterior ??= await runtime.train(model, data, {
    ...options,
    onReport,
    ...(state === undefined ? {} : { resume: state }),
  });
  for (const [epoch, report] of reports) add(`report of epoch ${epoch}`, report);
  return posterior;
}

function plain(value) {
  return JSON.stringify(value ?? null, (_, part) => {
    if (ArrayBuffer.isView(part))
      return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString('hex');
    // JSON writes NaN, the infinities and −0 as other numbers.
    return typeof part === 'number' && (!Number.isFinite(part) || Object.is(part, -0))
      ? `${Object.is(part, -0) ? '-0' : part}`
      : part;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { problems, workers, backend } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
  const runtime = createRuntime({ workers, backend });
  const facts = [];
  for (const problem of problems) facts.push(await factsOf(problem, runtime));
  await runtime.close();
  console.log(JSON.stringify(facts));
}
