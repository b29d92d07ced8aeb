// @ts-check
// A training of some seconds, the same in Node and in a page.

import { TRAININGS } from '../../golden/trainings.mjs';

export const { model, data, options: short } = TRAININGS.classes();
export const options = { ...short, epochs: 1_500 };
export const STEPS = 7_500;

/**
 * @param {any} runtime closed afterwards
 * @param {(posterior: any) => string} posteriorDigest
 * @param {object} [more] options
 */
export async function longDigest(runtime, posteriorDigest, more = {}) {
  try {
    return posteriorDigest(await runtime.train(model, data, { ...options, ...more }));
  } finally {
    await runtime.close();
  }
}
