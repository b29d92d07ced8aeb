// @ts-check
// Milliseconds of a training step of varpool in a page.

import * as varpool from '../../../dist/browser/varpool.js';
import { varpoolStep } from '../speed/varpoolSpeed.mjs';

/** @param {URLSearchParams} options */
export function speed(options) {
  const sizes = (options.get('sizes') ?? '').split('-').map(Number);
  const given = { workers: Number(options.get('workers')), onWarning: () => undefined };
  return varpoolStep(varpool, sizes, given, Number(options.get('seconds')));
}
