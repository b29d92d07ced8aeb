// What the hostile calls are made with: a runtime, a session, models, data, and what was fitted to them.

import { join } from 'node:path';
import { build, createRuntime, openSession, save, writeCheckpoint } from '../../../../dist/index.js';
import { INPUTS, number, ROWS } from './arguments.mjs';

/** Things of every run that calls are made with. */
export async function prepare(scratch) {
  const runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'calls', onWarning: () => undefined });
  const model = build({ inputSize: INPUTS, hiddenSizes: [4], outputSize: 1 });
  const classifier = build({ inputSize: INPUTS, hiddenSizes: [4], outputSize: 3 });
  const x = Array.from({ length: ROWS }, (_, r) => [number(r, 0), number(r, 1)]);
  const y = x.map(([a, b]) => a * b);
  const quick = { epochs: 2, batchSize: 8 };
  let state;
  const checkpoint = { everySteps: 2, save: (saved) => void (state = saved) };
  const posterior = await runtime.train(model, { x, y }, { ...quick, checkpoint });
  const names = ['p', 'q', 'r'];
  const classes = await runtime.train(
    classifier,
    { x, y: x.map((_, r) => r % 3) },
    { ...quick, likelihood: 'categorical', classNames: names },
  );
  const ensemble = await runtime.trainEnsemble(model, { x, y }, { ...quick, members: 2 });
  const session = await openSession(posterior, { backend: 'wasm' });
  const prediction = await runtime.predict(posterior, x, { draws: 3 });
  const files = {
    posterior: join(scratch, 'posterior.safetensors'),
    checkpoint: join(scratch, 'checkpoint.safetensors'),
  };
  save(files.posterior, posterior);
  writeCheckpoint(files.checkpoint, state, null);
  return {
    scratch,
    runtime,
    model,
    classifier,
    posterior,
    classes,
    ensemble,
    session,
    prediction,
    state,
    files,
    x,
    y,
  };
}
