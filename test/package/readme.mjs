// @ts-check
// Does what README.md says, literally and in its order: every command of its shell blocks, then its second program, then every example
// config. Run by .ci/run in a clone with nothing beside it. What is left out or shortened is listed here with the reason.
//   node test/package/readme.mjs [arguments for npm test, after its own --]

import { strict as assert } from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TESTS = 'npm ci && npm test';

/** Commands that are not run, by how they begin. */
const LEFT_OUT = [
  ['npm run bench', 'measures for minutes'],
  ['npx varpool train examples/mnist.yaml', 'needs the files of MNIST'],
];

/** The sweep of README trains 120 networks for 1000 epochs; 10 epochs show that it runs. */
const SHORTENED = 'examples/energy-sweep.yaml';

/** @param {string} command @param {string} [input] */
function run(command, input) {
  console.log(`\n$ ${command}`);
  const start = performance.now();
  const { status } = spawnSync(command, {
    cwd: ROOT,
    shell: true,
    input,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'inherit', 'inherit'],
  });
  assert.equal(status, 0, `README.md: expected \`${command}\` to succeed, got status ${status}`);
  console.log(`# ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

const readme = readFileSync(`${ROOT}README.md`, 'utf8');
/** @param {string} language */
const blocks = (language) =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, text]) => text);

const commands = blocks('sh')
  .flatMap((block) => block.split('\n'))
  .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
  .filter((line) => line !== '');
assert(commands.includes(TESTS), `README.md: expected the command \`${TESTS}\`, got ${commands.join('; ')}`);

const sweep = readFileSync(`${ROOT}${SHORTENED}`, 'utf8');
assert(
  /epochs: 1000\n/.test(sweep),
  `${SHORTENED}: expected epochs: 1000, got another number — say it in this file too`,
);
writeFileSync(`${ROOT}${SHORTENED}`, sweep.replace(/epochs: 1000\n/, 'epochs: 10\n'));

for (const command of commands.filter((each) => each !== TESTS)) {
  const reason = LEFT_OUT.find(([beginning]) => command.startsWith(beginning))?.[1];
  if (reason === undefined) run(command);
  else console.log(`\n$ ${command}\n# left out: ${reason}`);
}

// The program of "Behind an API" reads the run that the commands above have left.
const programs = blocks('js').filter((text) => text.includes('runs/strength'));
assert.equal(programs.length, 1, 'README.md: expected one program that reads runs/strength');
run('node --input-type=module -', programs[0]);

const examples = readdirSync(`${ROOT}examples`).filter((name) => name.endsWith('.yaml'));
for (const name of examples) {
  const file = `examples/${name}`;
  if (commands.some((command) => command.includes(file))) continue;
  run(`npx varpool train ${file} --out runs/${name.replace('.yaml', '')} --quiet`);
}
assert(
  !existsSync(`${ROOT}../shared`),
  'README.md: expected nothing beside the clone, got a folder "shared"',
);
const dirty = execFileSync('git', ['status', '--porcelain'], { cwd: ROOT, encoding: 'utf8' }).trim();
// Nothing is left in the tree but what .gitignore names.
assert.equal(dirty, `M ${SHORTENED}`);
execFileSync('git', ['checkout', '--quiet', SHORTENED], { cwd: ROOT });

run(
  `${TESTS} -- ${process.argv
    .slice(2)
    .map((word) => `'${word}'`)
    .join(' ')}`,
);
