// @ts-check
// Times the steps of a library in a page and posts the median.

import { madeUpData, median } from './varpoolSpeed.mjs';

/**
 * @param {(given: { backend: any, sizes: number[], x: Float32Array, y: Int32Array, rows: number }) => Promise<(n: number) => Promise<void>>} prepare
 * gives the step
 */
export async function timed(prepare) {
  const options = new URLSearchParams(location.search);
  const sizes = (options.get('sizes') ?? '').split('-').map(Number);
  const seconds = Number(options.get('seconds'));
  /** @param {object} report */
  const post = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) });
  try {
    const step = await prepare({ backend: options.get('backend'), sizes, ...madeUpData(sizes) });
    /** @type {number[]} */
    const times = [];
    let n = 0;
    for (; n < 3; n++) await step(n);
    for (
      const begun = performance.now();
      times.length < 5 || performance.now() - begun < 1000 * seconds;
      n++
    ) {
      const start = performance.now();
      await step(n);
      times.push(performance.now() - start);
    }
    await post({ ms: median(times), steps: times.length });
  } catch (error) {
    await post({ error: String(error) });
  }
}
