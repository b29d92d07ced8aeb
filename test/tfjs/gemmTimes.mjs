// Times of one matrix product by each backend, in turn, on one core: what TensorFlow's kernels bring, packing included. CPU time of
// the process, which other jobs on the machine disturb less than the clock.
// `node test/tfjs/gemmTimes.mjs`, after npm run build; VARPOOL_TFJS names the TensorFlow.js.

import { Arena, ArenaLayout } from '../../dist/backend/arena.js';
import { nodeBackends } from '../../dist/platform/node/backends.js';

/** [m, panels of 16 columns, k, transposeA]: the products of a step of 784-1200-1200-10 with 128 rows. */
const SIZES = [
  ['forward 784 → 1200', 1200, 8, 784, 1],
  ['forward 1200 → 1200', 1200, 8, 1200, 1],
  ['back 1200 ← 1200', 1200, 8, 1200, 0],
  ['one block of dW', 256, 1, 128, 0],
];
const ROUNDS = 31;

async function open(name) {
  const factory = nodeBackends.named(name);
  const state = factory.available();
  if (!state.ok) {
    console.log(`${name}: not available: ${state.reason}`);
    return null;
  }
  const compiled = await factory.compile();
  await factory.load?.(compiled);
  const layout = new ArenaLayout(1);
  const [a, b, out] = ['a', 'b', 'out'].map((part) => layout.reserve(part, 1216 * 1216 * 4));
  const arena = Arena.allocate(layout);
  for (let i = a / 4; i < out / 4; i++) arena.f32[i] = ((i * 7919) % 1000) / 500 - 1;
  const { gemm_f32 } = factory.create(arena, compiled, 0);
  return {
    // Native kernels know the memory by its address only.
    arena,
    label: state.note ?? name,
    multiply: (m, panels, k, transposeA) =>
      gemm_f32(out, m, a, transposeA ? k : m, transposeA, b, k, m, panels, k, 0, 0),
  };
}

const backends = [];
for (const name of ['wasm', 'native', 'tfjs']) backends.push(await open(name));
const present = backends.filter((backend) => backend !== null);
for (const [what, ...size] of SIZES) {
  const [m, panels, k] = size;
  const times = present.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { multiply }] of present.entries()) {
      const before = process.cpuUsage();
      multiply(...size);
      const { user, system } = process.cpuUsage(before);
      if (round > 0) times[i].push((user + system) / 1000);
    }
  }
  for (const [i, { label }] of present.entries()) {
    times[i].sort((x, y) => x - y);
    const [low, median, high] = [0.1, 0.5, 0.9].map((part) => times[i][Math.floor(part * times[i].length)]);
    const rate = (2 * m * panels * 16 * k) / (median * 1e6);
    console.log(
      `${what}: ${median.toFixed(3)} ms (${low.toFixed(3)}–${high.toFixed(3)}), ${rate.toFixed(0)} GFLOP/s: ${label}`,
    );
  }
}
