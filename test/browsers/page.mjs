// @ts-check
// Runs in a page: does the task that the address names and posts what came of it, an error included.

import { behavior } from './tasks/behavior.mjs';
import { comings } from './tasks/comings.mjs';
import { digests } from './tasks/digests.mjs';
import { interrupted } from './tasks/interrupted.mjs';
import { slept } from './tasks/slept.mjs';
import { speed } from './tasks/speed.mjs';

/** @type {Record<string, (options: URLSearchParams) => Promise<unknown>>} */
const TASKS = { behavior, comings, digests, interrupted, slept, speed };

const options = new URLSearchParams(location.search);
/** @type {string[]} */
const violations = [];
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  // WebKit looks for an icon that the page does not ask for.
  if (!blockedURI.endsWith('/favicon.ico')) violations.push(`${violatedDirective}: ${blockedURI}`);
});

/** @param {unknown} report */
const post = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) });

try {
  const value = await TASKS[options.get('task') ?? ''](options);
  await post({ value, violations, isolated: crossOriginIsolated });
} catch (error) {
  const { name, message, stack } = /** @type {Error} */ (error);
  await post({ error: `${name}: ${message}`, stack, violations, isolated: crossOriginIsolated });
}
