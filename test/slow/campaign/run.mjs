// The hostile campaign: every part of it, one after the other, and what they came to. Each part can be run alone, and repeats a case of
// its own by `--case`.
// npm run test:campaign [-- --quick --seed s --lanes 2 signals damage …]

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PARTS = ['calls', 'commands', 'signals', 'systemCalls', 'inputOutput', 'damage', 'bits'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    seed: { type: 'string', default: 'campaign' },
    lanes: { type: 'string', default: '2' },
  },
});
const unknown = positionals.find((name) => !PARTS.includes(name));
if (unknown !== undefined) {
  console.error(`campaign: expected parts among ${PARTS.join(', ')}, got ${unknown} — correct it`);
  process.exit(2);
}
const began = performance.now();
const failed = (positionals.length === 0 ? PARTS : positionals).filter((part) => {
  const file = fileURLToPath(new URL(`${part}.mjs`, import.meta.url));
  const words = ['--seed', values.seed, '--lanes', values.lanes, ...(values.quick ? ['--quick'] : [])];
  return spawnSync(process.execPath, [file, ...words], { stdio: 'inherit' }).status !== 0;
});
const seconds = ((performance.now() - began) / 1000).toFixed(0);
console.log(
  failed.length === 0
    ? `campaign: all parts held, in ${seconds} s`
    : `campaign: ${failed.join(', ')} did not hold, in ${seconds} s`,
);
if (failed.length > 0) process.exitCode = 1;
