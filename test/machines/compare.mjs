// @ts-check
// Holds the digests that trainings.mjs wrote on several machines to one another, and names what differs.
//   node test/machines/compare.mjs FOLDER

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
const machines = readdirSync(folder).filter((name) => name.endsWith('.json'));
if (machines.length < 2)
  stop(`expected digests of two machines or more in ${folder}, got ${machines.length}`);
const [first, ...others] = machines.map((name) => {
  const { backend, ...digests } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  if (!name.startsWith(`${backend}-`)) stop(`${name}: expected a backend of that name, got ${backend}`);
  return { name, digests };
});
const problems = others.flatMap(({ name, digests }) =>
  [...new Set([...Object.keys(first.digests), ...Object.keys(digests)])]
    .filter((training) => digests[training] !== first.digests[training])
    .map(
      (training) =>
        `${training}: expected ${first.digests[training]} (${first.name}), got ${digests[training]} (${name})`,
    ),
);
for (const problem of problems) console.error(`compare: ${problem}`);
if (problems.length > 0) process.exit(1);
console.log(`${machines.length} machines, ${Object.keys(first.digests).length} trainings, equal digests:`);
for (const name of machines) console.log(`  ${name.slice(0, -'.json'.length)}`);

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(`compare: ${message}`);
  process.exit(1);
}
