// @ts-check
// The behavior that a page relies on besides equal bits: progress, cancellation, errors of the right class, help where a file is not
// found. Runs in a page; each check is a name and what went wrong, or null.

import {
  createRuntime,
  load,
  openSession,
  posteriorBytes,
  posteriorDigest,
} from '../../../dist/browser/varpool.js';
import { TRAININGS } from '../../golden/trainings.mjs';

/** @param {unknown} condition @param {string} message */
function expect(condition, message) {
  if (!condition) throw new Error(message);
}

/** @param {Promise<unknown> | (() => unknown)} work @returns {Promise<any>} */
async function thrownBy(work) {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return error;
  }
  throw new Error('expected an error, got none');
}

const { model, data, options } = TRAININGS.classes();
const quiet = { workers: 2, seed: 'golden', onWarning: () => undefined };

/** @type {Record<string, () => Promise<string | void>>} */
const CHECKS = {
  async 'reports, progress and iteration come as on Node'() {
    const runtime = createRuntime(quiet);
    /** @type {number[]} */
    const steps = [];
    /** @type {number[]} */
    const reported = [];
    const run = runtime.train(model, data, {
      ...options,
      onProgress: ({ step }) => void steps.push(step),
      onReport: ({ epoch }) => void reported.push(epoch),
      validation: { x: data.x, y: data.y },
    });
    const epochs = [];
    for await (const { epoch, elbo, validation } of run) {
      epochs.push(epoch);
      expect(
        Number.isFinite(elbo) && validation !== null,
        `expected numbers in the report of epoch ${epoch}`,
      );
    }
    await run;
    expect(
      `${epochs}` === '1,2,3' && `${reported}` === '1,2,3',
      `expected 3 epochs, got ${epochs} and ${reported}`,
    );
    expect(steps.at(-1) === 15, `expected progress to end at step 15, got ${steps}`);
    await runtime.close();
  },

  async 'a signal ends a training, after a state of it was saved; resumed, it has the bits'() {
    const runtime = createRuntime(quiet);
    const whole = posteriorDigest(await runtime.train(model, data, { ...options, epochs: 40 }));
    const stop = new AbortController();
    /** @type {any} */
    let state = null;
    const error = await thrownBy(
      runtime.train(model, data, {
        ...options,
        epochs: 40,
        signal: stop.signal,
        checkpoint: { everySteps: 7, save: (/** @type {any} */ saved) => void (state = saved) },
        onReport: ({ epoch }) => void (epoch === 5 && stop.abort(new Error('enough'))),
      }),
    );
    expect(error.message === 'enough', `expected the signal's reason, got ${error}`);
    expect(
      state !== null && state.step >= 25 && state.step < 200,
      `expected a state in mid-training, got step ${state?.step}`,
    );
    const resumed = posteriorDigest(
      await runtime.train(model, data, { ...options, epochs: 40, resume: state }),
    );
    expect(resumed === whole, 'expected the digest of a training that was not stopped, got another');
    await runtime.close();
    return `stopped at step ${state.step} of 200`;
  },

  async 'what a callback throws ends the training with it'() {
    const runtime = createRuntime(quiet);
    const mine = new Error('mine');
    for (const callback of ['onReport', 'onProgress']) {
      const throwing = {
        [callback]: () => {
          throw mine;
        },
      };
      const error = await thrownBy(runtime.train(model, data, { ...options, ...throwing }));
      expect(error === mine, `expected what ${callback} threw, got ${error}`);
    }
    const save = () => Promise.reject(mine);
    const error = await thrownBy(
      runtime.train(model, data, { ...options, checkpoint: { everySteps: 2, save } }),
    );
    expect(error === mine, `expected what save threw, got ${error}`);
    await runtime.close();
  },

  async 'errors have their classes and one line'() {
    const runtime = createRuntime(quiet);
    const bad = await thrownBy(runtime.train(model, data, /** @type {any} */ ({ epoch: 3 })));
    expect(
      bad instanceof TypeError && /epochs/.test(bad.message),
      `expected a TypeError that names epochs, got ${bad}`,
    );
    const wild = { kind: 'sgd', learningRate: 1e30 };
    const diverged = await thrownBy(
      runtime.train(model, data, { ...options, optimizer: /** @type {any} */ (wild) }),
    );
    expect(
      diverged.code === 'VARPOOL_DIVERGED' && diverged.step > 0 && diverged.tensor !== '',
      `expected a DivergedError with its step, got ${diverged}`,
    );
    await runtime.close();
    const closed = await thrownBy(runtime.train(model, data, options));
    expect(/expected an open runtime/.test(closed.message), `expected a closed runtime, got ${closed}`);
    const damaged = await thrownBy(() => load(new Uint8Array(100)));
    expect(damaged.code === 'VARPOOL_CHECKPOINT', `expected a CheckpointError, got ${damaged}`);
  },

  async 'a worker or kernels that are not found say what to pass'() {
    for (const [given, option] of /** @type {const} */ ([
      [{ workerUrl: '/nowhere.js' }, 'workerUrl'],
      [{ wasmUrl: '/nowhere.wasm' }, 'wasmUrl'],
    ])) {
      const runtime = createRuntime({ ...quiet, ...given });
      const error = await thrownBy(runtime.train(model, data, options));
      expect(error.message.includes(`pass ${option}`), `expected advice to pass ${option}, got ${error}`);
      await runtime.close();
    }
  },

  async 'workerUrl and wasmUrl are used where they are given'() {
    const runtime = createRuntime({
      ...quiet,
      workerUrl: new URL('../../../dist/browser/worker.js', import.meta.url),
      wasmUrl: '/dist/kernels/varpool.wasm',
    });
    await runtime.train(model, data, options);
    await runtime.close();
  },

  async 'an ensemble trains, predicts, and comes back from a File'() {
    const runtime = createRuntime(quiet);
    const ensemble = await runtime.trainEnsemble(model, data, { ...options, epochs: 1, members: 3 });
    const file = new File([posteriorBytes(ensemble)], 'ensemble.safetensors');
    const again = await load(file);
    expect(posteriorDigest(again) === posteriorDigest(ensemble), 'expected the same digest after a file');
    const session = await openSession(again);
    const [one, other] = [await session.predict(data.x), await runtime.predict(ensemble, data.x)];
    expect(`${one.mean}` === `${other.mean}`, 'expected equal predictions');
    await session.close();
    await runtime.close();
  },

  async 'a worker that hangs is ended, and is known to be gone'() {
    // Where there is no pool, there is nothing to watch it from.
    if (!crossOriginIsolated) return 'one worker: not watched';
    const entry = new URL('./hangingWorker.js', import.meta.url).href;
    const testing = { entry, patience: 400 };
    const runtime = createRuntime({ ...quiet, .../** @type {any} */ ({ testing }) });
    const error = await thrownBy(runtime.train(model, data, options));
    expect(error.code === 'VARPOOL_WORKER_LOST', `expected a WorkerLostError, got ${error}`);
    expect(
      /got 4 losses in a row \(worker: no sign of life/.test(error.message),
      `expected four losses, got ${error}`,
    );
    await runtime.close();
  },
};

/** @param {URLSearchParams} options_ */
export async function behavior(options_) {
  const only = options_.get('check');
  const results = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    if (only !== null && !name.includes(only)) continue;
    try {
      results.push({ name, error: null, note: (await check()) ?? undefined });
    } catch (error) {
      results.push({ name, error: `${error}` });
    }
  }
  return results;
}
