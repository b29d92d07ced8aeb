// @ts-check
// Points from text: two columns of numbers, for spirals a third with the class 0 or 1, scaled to the visible range.

import { MAX_POINTS, RANGE } from './state.mjs';

/** @typedef {import('./state.mjs').Task} Task */

/** @param {Task} task */
export function help(task) {
  const columns = task === 'curve' ? 'x and y' : 'x, y and a class, 0 or 1';
  return `Columns: ${columns}, separated by commas, tabs or spaces; a header is skipped. They are scaled to fit. At most ${MAX_POINTS} rows.`;
}

/**
 * @param {string} text
 * @param {Task} task
 * @returns {number[][]} thousandths
 * @throws TypeError that says which line does not fit
 */
export function pointsFrom(text, task) {
  const width = task === 'curve' ? 2 : 3;
  const rows = [];
  for (const [n, line] of text.split(/\r?\n/).entries()) {
    const cells = line.trim().split(/[\s,;]+/);
    if (cells[0] === '') continue;
    const numbers = cells.map(Number);
    const bad = numbers.length !== width || !numbers.every(Number.isFinite);
    if (bad && rows.length === 0 && cells.length === width && numbers.every(Number.isNaN)) continue;
    if (bad)
      throw new TypeError(
        `line ${n + 1}: expected ${width} numbers, got "${line.trim().slice(0, 40)}" — correct it`,
      );
    if (width === 3 && numbers[2] !== 0 && numbers[2] !== 1)
      throw new TypeError(`line ${n + 1}: expected class 0 or 1, got ${numbers[2]} — renumber the classes`);
    rows.push(numbers);
  }
  if (rows.length < 2)
    throw new TypeError(`points: expected at least 2 rows, got ${rows.length} — paste some more`);
  if (rows.length > MAX_POINTS)
    throw new TypeError(`points: expected at most ${MAX_POINTS} rows, got ${rows.length} — use fewer`);
  const fit = [0, 1].map((column) => {
    const values = rows.map((row) => row[column]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    if (low >= -RANGE && high <= RANGE) return (/** @type {number} */ value) => value;
    const half = (high - low) / 2 || 1;
    return (/** @type {number} */ value) => (0.75 * RANGE * (value - (low + high) / 2)) / half;
  });
  return rows.map(([x, y, ...label]) => [
    Math.round(1000 * fit[0](x)),
    Math.round(1000 * fit[1](y)),
    ...label,
  ]);
}
