// The measurements as text: a table a name, the machine's limits above them.

import type { Beside } from './beside.node.ts';
import type { Peak } from './roofline.ts';
import type { BenchName, BenchResult, BenchRow } from './suite.ts';

const TITLES: Record<BenchName, string> = {
  gemm: 'gemm: one product m×n×k in every thread (Aᵀ: the first operand transposed)',
  normals: 'normals: standard normal noise, this many numbers in every thread',
  perturb: 'perturb: w = mu + softplus(rho)·noise, noise kept, this many weights in every thread',
  optimizer: 'optimizer: Adam on mu and rho with the gradient of the KL, this many weights in every thread',
  stream: 'stream: multiplying and copying large arrays, this many elements in every thread',
  step: 'step: one training step within whole epochs (reparameterization, one draw, Adam)',
  draw: 'draw: one of many predictive draws of 128 rows in one call',
};

/** Three or four figures that mean something. */
function figure(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}

/** A time with the unit that suits it. */
export function time(ms: number): string {
  if (ms >= 1000) return `${figure(ms / 1000)} s`;
  return ms >= 0.1 ? `${figure(ms)} ms` : `${figure(ms * 1000)} µs`;
}

/** Columns padded to the widest cell; the first `left` to the left, the others to the right. */
export function columns(lines: readonly (readonly string[])[], left: number): string {
  const widths = lines[0].map((_, c) => Math.max(...lines.map((line) => (line[c] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, c) => (c < left ? cell.padEnd(widths[c]) : cell.padStart(widths[c])))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}\n`)
    .join('');
}

function cells(row: BenchRow): string[] {
  const { ms, step } = row;
  return [
    row.size,
    row.backend,
    String(row.workers),
    time(ms.median),
    `${time(ms.min)} – ${time(ms.max)}`,
    ...(row.nsPerElement === null ? [] : [row.nsPerElement.toFixed(2)]),
    figure(row.gflops),
    figure(row.gbs),
    `${(100 / row.distance).toFixed(0)} %`,
    ...(step === null ? [] : [time(step.pass), time(step.finish), time(step.wait), note(row)]),
  ];
}

function note({ step, workers }: BenchRow): string {
  return step !== null && step.team < workers ? `(a team of ${step.team} is enough)` : '';
}

function header(row: BenchRow): string[] {
  return [
    'size',
    'backend',
    'threads',
    'median',
    'min – max',
    ...(row.nsPerElement === null ? [] : ['ns/element']),
    'GFLOP/s',
    'GB/s',
    'of roofline',
    ...(row.step === null ? [] : ['pass', 'finish', 'wait', '']),
  ];
}

export function peakTable(peaks: readonly Peak[]): string {
  const lines = peaks.map(({ backend, workers, gflops, gbs }) => [
    backend,
    String(workers),
    figure(gflops),
    figure(gbs),
  ]);
  return `limits: the best product, and memory, of this run\n${columns([['backend', 'threads', 'GFLOP/s', 'GB/s'], ...lines], 1)}`;
}

export function besideText({ load, otherCores, stolenCores, seconds }: Beside): string {
  const others =
    otherCores === null
      ? 'what other processes used is not known here'
      : `other processes used ${otherCores.toFixed(2)} cores, the hypervisor took ${(stolenCores ?? 0).toFixed(2)}`;
  return `load ${load.before[0].toFixed(2)} before, ${load.after[0].toFixed(2)} after ${seconds.toFixed(0)} s; ${others}`;
}

/** All tables, in the order the names were given. */
export function benchTables(result: BenchResult): string {
  const names = [...new Set(result.rows.map(({ name }) => name))];
  const tables = names.map((name) => {
    const rows = result.rows.filter((row) => row.name === name);
    return `${TITLES[name]}\n${columns([header(rows[0]), ...rows.map(cells)], 2)}`;
  });
  return [peakTable(result.peaks), ...tables].join('\n');
}
