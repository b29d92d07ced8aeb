// Time of a training step by phase, per backend and number of workers, measured in turn in one run.
//   node bench/step.mjs [--sizes 784,1200,1200,10] [--batch 128] [--draws 1] [--backends wasm,native] [--workers 1,2]
//                       [--steps 60] [--rounds 7] [--json]
// A figure is the median over rounds of a run's mean step; "min–max" is its spread. pass: forward, loss and backward of
// all tiles; finish: weight gradients, optimizer and next weights of all blocks; wait: at the two barriers.

import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { build, createRuntime } from '../dist/index.js';

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '784,1200,1200,10' },
    batch: { type: 'string', default: '128' },
    draws: { type: 'string', default: '1' },
    backends: { type: 'string', default: 'wasm,native' },
    workers: { type: 'string', default: '1,2' },
    steps: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
  },
});
const sizes = values.sizes.split(',').map(Number);
const [inputSize, outputSize] = [sizes[0], sizes[sizes.length - 1]];
const [batchSize, steps, rounds] = [values.batch, values.steps, values.rounds].map(Number);
const rows = batchSize * 16;
const classes = outputSize > 1;
// The numbers do not matter to the time, only that none is special.
const x = {
  data: Float32Array.from({ length: rows * inputSize }, (_, i) => ((i * 7919) % 256) / 255),
  shape: [rows, inputSize],
};
const y = Float32Array.from({ length: rows }, (_, i) => (classes ? i % outputSize : Math.sin(i)));
const model = build({ inputSize, hiddenSizes: sizes.slice(1, -1), outputSize });
const options = {
  likelihood: classes ? 'categorical' : 'gaussian',
  standardize: 'none',
  batchSize,
  draws: Number(values.draws),
  epochs: Math.ceil(steps / 16),
  optimizer: { kind: 'adam', learningRate: 1e-3 },
};

const cases = values.backends
  .split(',')
  .flatMap((backend) =>
    values.workers.split(',').map((workers) => ({ backend, workers: Number(workers), runs: [] })),
  );
for (const entry of cases)
  entry.runtime = createRuntime({ backend: entry.backend, workers: entry.workers, seed: 'bench' });
try {
  // The first round warms up the engine's compiler and is not counted.
  for (let round = -1; round < rounds; round++) {
    for (const { runtime, runs } of cases) {
      const { phases, team } = await runtime.train(model, { x, y }, options).result;
      const perStep = (ms) => ms / (options.epochs * 16) / team;
      if (round < 0) continue;
      const { pass, finish, wait } = phases;
      runs.push({
        step: perStep(pass + finish + wait),
        pass: perStep(pass),
        finish: perStep(finish),
        wait: perStep(wait),
        team,
      });
    }
  }
} finally {
  await Promise.all(cases.map(({ runtime }) => runtime.close()));
}

const results = cases.map(({ backend, workers, runs }) => {
  const times = (name) => runs.map((run) => run[name]).sort((a, b) => a - b);
  const median = (name) => times(name)[Math.floor(runs.length / 2)];
  const step = times('step');
  return {
    backend,
    workers,
    team: runs[0].team,
    step: median('step'),
    min: step[0],
    max: step[step.length - 1],
    pass: median('pass'),
    finish: median('finish'),
    wait: median('wait'),
  };
});
if (values.json) {
  console.log(JSON.stringify({ sizes, batchSize, draws: options.draws, machine: machine(), results }));
} else {
  console.log(`${sizes.join('-')}, batch ${batchSize}, ${options.draws} draw(s), Adam — ${machine()}`);
  console.log('backend  workers  ms per step (min–max)     pass   finish     wait');
  for (const r of results) {
    const ms = (value) => value.toFixed(3).padStart(8);
    console.log(
      `${r.backend.padEnd(8)} ${String(r.workers).padStart(7)} ${ms(r.step)} (${r.min.toFixed(3)}–${r.max.toFixed(3)})`.padEnd(
        46,
      ) +
        `${ms(r.pass)} ${ms(r.finish)} ${ms(r.wait)}${r.team < r.workers ? `   (a team of ${r.team} is enough)` : ''}`,
    );
  }
}

function machine() {
  return `${cpus()[0].model.trim()}, ${availableParallelism()} cores, Node ${process.versions.node}`;
}
