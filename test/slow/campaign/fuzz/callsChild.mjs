// Makes hostile calls of the library, one after the other, in a process of its own, and tells what was wrong with each. A number at the
// start of a file says which call is under way, in case this process dies.
// node test/slow/campaign/fuzz/callsChild.mjs SEED FROM TO STEP PROGRESS SCRATCH

import { openSync, writeSync } from 'node:fs';
import { VarpoolError } from '../../../../dist/index.js';
import { Random } from '../harness.mjs';
import { specs } from './callSpecs.mjs';
import { describe, mutated } from './hostile.mjs';
import { prepare } from './prepare.mjs';

const [seed, from, to, step, progress, scratch] = process.argv.slice(2);
/** Of the process, with tiny problems: beyond this something was believed that should not have been. */
const LARGEST_RSS = 2 ** 31;
const CLEAR = /^[^\n]+: expected [^\n]+, got [^\n]* — \S[^\n]*$/;

const file = openSync(progress, 'w');
let current = null;
const tell = (message) => process.send({ n: current?.n, call: current?.text, ...message });
for (const kind of ['uncaughtException', 'unhandledRejection'])
  process.on(kind, (error) => tell({ fault: `${kind}: ${error?.stack ?? String(error)}` }));
process.on('warning', ({ name, message }) => {
  if (name !== 'VarpoolWarning' && name !== 'ExperimentalWarning')
    tell({ fault: `warning ${name}: ${message}` });
});

const made = await prepare(scratch);
const all = specs(made).flatMap((spec) => Array(spec.weight).fill(spec));

for (let n = Number(from); n < Number(to); n += Number(step)) {
  // Also of mistakes of our own it must be known at which call they were made.
  current = { n, text: 'the campaign itself' };
  writeSync(file, String(n).padEnd(12), 0);
  const random = new Random(`${seed}/calls/${n}`);
  if (n % 50 === 49) await changedAfterTheCall(n, random);
  else await hostileCall(n, random);
  const rss = process.memoryUsage().rss;
  if (rss > LARGEST_RSS) {
    tell({ fault: `expected a process of at most ${LARGEST_RSS} bytes, got ${rss}` });
    process.exit(1);
  }
}
await made.session.close();
await made.runtime.close();
process.send({ done: true }, () => process.disconnect());

async function hostileCall(n, random) {
  const { name, schemas, call } = random.pick(all);
  const args = schemas.map((schema) =>
    schema.omittable && random.chance(0.2) ? undefined : schema.make(random),
  );
  // Some calls are as they should be: they must succeed, or the others prove nothing.
  const sound = random.chance(0.06);
  const {
    args: used,
    refuse,
    where,
    what,
  } = sound ? { args, refuse: false } : mutated(schemas, args, random);
  const text = `${name}, ${sound ? 'a sound call' : `argument ${where} is ${what}`}: ${used.map((arg) => describe(arg)).join(', ')}`;
  current = { n, text };
  // Also known if this process dies.
  writeSync(file, `${String(n).padEnd(12)}${text.slice(0, 600)}\n`, 0);
  let outcome = 'taken';
  try {
    await call(...used);
    if (refuse) tell({ fault: `expected a refusal of ${where} = ${what}, got success` });
  } catch (error) {
    outcome = 'refused';
    if (sound) tell({ fault: `expected success of a sound call, got ${error?.message}` });
    const problem = unclear(error);
    if (problem !== null) tell({ fault: problem });
  }
  tell({ outcome, name });
}

/** What is wrong with an error, or null. */
function unclear(error) {
  if (!(error instanceof Error)) return `expected an Error, got ${describe(error)}`;
  const { message } = error;
  const known =
    error instanceof TypeError ||
    error instanceof RangeError ||
    (error instanceof VarpoolError && /^VARPOOL_/.test(error.code));
  if (!known) return `expected a TypeError, RangeError or VarpoolError, got ${error.stack}`;
  if (!CLEAR.test(message))
    return `expected <where>: expected …, got … — …, got ${error.stack?.slice(0, 700)}`;
  if (message.length > 800)
    return `expected a line to read, got ${message.length} characters: ${message.slice(0, 200)}…`;
  return null;
}

/** What a caller changes once the call has returned its promise is not what was asked about. */
async function changedAfterTheCall(n, random) {
  const { runtime, session, posterior, model } = made;
  const x = Float32Array.from(made.x.flat());
  const y = Float32Array.from(made.y);
  const standardize = random.pick(['none', 'both']);
  const matrix = (data, columns) => ({ data, shape: [data.length / columns, columns] });
  const calls = {
    predict: async () => (await runtime.predict(posterior, matrix(x, 2), { draws: 5 })).mean,
    'session.predict': async () => (await session.predict(matrix(x, 2), { draws: 5 })).mean,
    evaluate: async () =>
      Object.values(await runtime.evaluate(posterior, { x: matrix(x, 2), y }, { draws: 5 })),
    train: async () => {
      const { layers } = await runtime.train(
        model,
        { x: matrix(x, 2), y },
        { epochs: 2, batchSize: 5, standardize },
      );
      return layers[0].weight.mu;
    },
  };
  const name = random.pick(Object.keys(calls));
  current = { n, text: `${name}, its arguments changed after the call` };
  const wanted = [...(await calls[name]())];
  const running = calls[name]();
  x.fill(9);
  y.fill(9);
  const got = [...(await running)];
  if (wanted.some((value, i) => !Object.is(value, got[i])))
    tell({ fault: `expected ${name} of what was passed, got another result` });
  tell({ outcome: 'changed after the call', name });
}
