// @ts-check
// What every row of the matrix runs: two workers, a session, and the digest of what was trained.

/** As a function that `varpool` is given to; its text goes into the projects. @param {typeof import('../../dist/index.js')} varpool */
export async function digestOfTraining({ build, createRuntime, openSession, posteriorDigest }) {
  const runtime = createRuntime({ workers: 2, backend: 'wasm', seed: 'bundled' });
  const x = Array.from({ length: 64 }, (_, r) => [Math.fround(r / 64)]);
  const model = build({ inputSize: 1, hiddenSizes: [8], outputSize: 1 });
  const posterior = await runtime.train(model, { x, y: x }, { epochs: 2 });
  const session = await openSession(posterior, { backend: 'wasm' });
  const { rows } = await session.predict([[0.5], [0.25]], { draws: 4 });
  await session.close();
  await runtime.close();
  return `${posteriorDigest(posterior)} ${rows}`;
}

const NAMES = '{ build, createRuntime, openSession, posteriorDigest }';

/** An ES module that prints it. */
export const PROGRAM = `import * as varpool from 'varpool';
${digestOfTraining}
digestOfTraining(varpool).then(console.log);
`;

/** The same in CommonJS. */
export const COMMONJS = `const ${NAMES} = require('varpool');
${digestOfTraining}
digestOfTraining(${NAMES}).then(console.log);
`;
