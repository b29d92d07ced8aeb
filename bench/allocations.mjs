// What a training step allocates in JavaScript once everything is warm: bytes on the heap, and by which functions.
//   node bench/allocations.mjs [--sites]
// Counted, not timed: the young generation is so large that nothing is collected meanwhile, so heap in use grows by exactly what was
// allocated. Two stretches of different length are compared, so that what a stretch costs but a step does not drops out.

import { spawnSync } from 'node:child_process';
import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Arena } from '../dist/backend/arena.js';
import { build } from '../dist/core/bayesian.js';
import { TrainingStep } from '../dist/core/training/step.js';
import { StepLists } from '../dist/core/training/stepLists.js';
import { CONTROL_WORDS, trainingMemory } from '../dist/core/training/trainingMemory.js';
import { nodeBackends } from '../dist/platform/node/backends.js';
import { Team } from '../dist/workers/team.js';
import { trainStretch } from '../dist/workers/trainStretch.js';

/**
 * Small and with a learned noise scale, with one draw and with two; larger, with classes, many tiles and blocks. `warm`: steps after which
 * the engine has compiled all it ever will.
 */
const PROBLEMS = {
  '13-50-1 B=32': { sizes: [13, 50, 1], batchSize: 32, draws: 1, kind: 'gaussian', warm: 10_000 },
  '784-50-50-10 B=128': {
    sizes: [784, 50, 50, 10],
    batchSize: 128,
    draws: 1,
    kind: 'categorical',
    warm: 1_000,
  },
  '13-50-1 B=32 S=2': { sizes: [13, 50, 1], batchSize: 32, draws: 2, kind: 'gaussian', warm: 10_000 },
};
/** Steps of an epoch; all that is counted lies within one, as what happens once an epoch is not a step's. */
const EPOCH = 512;
const FEW = 50;
const MANY = 400;

async function stretches({ sizes, batchSize, draws, kind }, backendName) {
  const factory = nodeBackends.named(backendName);
  const problem = {
    model: build({ inputSize: sizes[0], hiddenSizes: sizes.slice(1, -1), outputSize: sizes.at(-1) }),
    likelihood: kind === 'gaussian' ? { kind, scale: 'learned' } : { kind },
    rowCount: batchSize * EPOCH,
    batchSize,
    draws,
    epochs: 1_000,
    optimizer: { kind: 'adam', learningRate: 1e-6 },
    schedule: { kind: 'constant' },
    klWeighting: 'uniform',
    seed: 'allocations',
  };
  // The rows are all zeros; what counts is what is allocated on the way.
  const memory = trainingMemory(problem, 1);
  const arena = Arena.allocate(memory.arena);
  const compiled = await factory.compile();
  await factory.load?.(compiled);
  const backend = factory.create(arena, compiled, 0);
  const step = new TrainingStep(problem, memory, arena, backend, 0);
  const lists = StepLists.create(step, backend);
  step.noiseScale.initialize();
  const control = arena.i32.subarray(memory.control / 4, memory.control / 4 + CONTROL_WORDS);
  const team = new Team(control, 1, 0, 1);
  const nothing = () => undefined;
  let at = 0;
  const run = (count) => {
    const { ended } = trainStretch(step, team, at, at + count, nothing, lists);
    if (ended !== 'complete') throw new Error(`allocations: expected complete steps, got ${ended}`);
    at += count;
  };
  /** Continues at the beginning of the next epoch. */
  const nextEpoch = () => {
    at = (Math.floor(at / EPOCH) + 1) * EPOCH;
    run(2);
  };
  return { run, nextEpoch };
}

/** Bytes that one stretch of steps leaves on a heap that is not collected meanwhile. */
function bytesOf(run, steps) {
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  run(steps);
  return process.memoryUsage().heapUsed - before;
}

/** Views and typed arrays made while `work` runs, counted at their constructors. */
function arraysMade(work) {
  const TypedArray = Object.getPrototypeOf(Float32Array);
  const { subarray, slice } = TypedArray.prototype;
  const names = ['Float32Array', 'Float64Array', 'Int32Array', 'Uint32Array', 'Uint8Array'];
  const originals = names.map((name) => globalThis[name]);
  let made = 0;
  for (const method of [subarray, slice])
    TypedArray.prototype[method.name] = function (...words) {
      made++;
      return method.apply(this, words);
    };
  for (const [i, name] of names.entries())
    globalThis[name] = new Proxy(originals[i], {
      construct(target, words) {
        made++;
        return new target(...words);
      },
    });
  try {
    work();
  } finally {
    Object.assign(TypedArray.prototype, { subarray, slice });
    for (const [i, name] of names.entries()) globalThis[name] = originals[i];
  }
  return made;
}

async function measureHere(sites) {
  const result = {};
  for (const backend of ['wasm', 'native'].filter((name) => nodeBackends.named(name).available().ok)) {
    for (const [name, problem] of Object.entries(PROBLEMS)) {
      const { run, nextEpoch } = await stretches(problem, backend);
      for (let warm = 0; warm < problem.warm; warm += MANY) run(MANY);
      // The middle one of a few: now and then the engine allocates for itself (compiling, profiling).
      const tries = Array.from({ length: 5 }, () => {
        nextEpoch();
        const few = bytesOf(run, FEW);
        return (bytesOf(run, MANY) - few) / (MANY - FEW);
      }).sort((a, b) => a - b);
      nextEpoch();
      // A stretch makes two views of its records; whatever is beyond that comes from steps.
      const few = arraysMade(() => run(FEW));
      const arrays = (arraysMade(() => run(MANY)) - few) / (MANY - FEW);
      result[`${name} ${backend}`] = { bytes: tries[2], arrays };
      if (sites) result[`${name} ${backend}`].sites = await allocationSites(run);
    }
  }
  return result;
}

/** Bytes a step by function, from V8's sampling allocation profiler. */
async function allocationSites(run) {
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: 64,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  run(MANY);
  const { profile } = await session.post('HeapProfiler.stopSampling');
  session.disconnect();
  const found = {};
  const visit = ({ callFrame, selfSize, children }) => {
    if (selfSize > 0) {
      const place = `${callFrame.functionName} ${callFrame.url.split('/').at(-1)}:${callFrame.lineNumber + 1}`;
      found[place] = (found[place] ?? 0) + selfSize / MANY;
    }
    children.forEach(visit);
  };
  visit(profile.head);
  return found;
}

/** Runs this file in a process of its own with the heap it needs: { bytes, arrays } of a step by problem and backend. */
export function measureAllocations(...words) {
  // Compiled at once, when it is due, so that counts do not depend on how fast another thread compiles.
  const flags = [
    '--expose-gc',
    '--min-semi-space-size=32',
    '--max-semi-space-size=32',
    '--no-warnings',
    '--no-concurrent-recompilation',
  ];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...flags, fileURLToPath(import.meta.url), '--child', ...words],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`allocations: expected a count, got exit status ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { child: { type: 'boolean' }, sites: { type: 'boolean', default: false } },
  });
  if (values.child) console.log(JSON.stringify(await measureHere(values.sites)));
  else console.log(JSON.stringify(measureAllocations(...(values.sites ? ['--sites'] : [])), null, 2));
}
