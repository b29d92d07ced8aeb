// @ts-check
// Makes the package of one platform's native kernels: release/native-<platform>-<arch>/, ready for npm publish. It holds
// the library, what it was built from, and no script. Compiling is kernels/build-native.mjs.
//   node packaging/native.mjs [--platform PLATFORM] [--arch ARCH] [--out DIR]

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sourcesHash } from '../kernels/sources.mjs';
import { libraryName, PACKAGED, targetName } from '../kernels/toolchain.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const { values } = parseArgs({
  options: {
    platform: { type: 'string', default: process.platform },
    arch: { type: 'string', default: process.arch },
    out: { type: 'string' },
  },
});
const target = { platform: values.platform, arch: values.arch };
const name = targetName(target);
if (!PACKAGED.some((packaged) => targetName(packaged) === name))
  stop(
    `expected one of ${PACKAGED.map(targetName).join(', ')}, got ${name} — name one with --platform and --arch`,
  );

const out = values.out ?? join(ROOT, 'release', `native-${name}`);
const main = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const file = /** @type {string} */ (libraryName(target));
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const build = [
  join(ROOT, 'kernels/build-native.mjs'),
  '--platform',
  target.platform,
  '--target',
  target.arch,
];
const { status } = spawnSync(process.execPath, [...build, '--out', out], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
if (!readFileSync(join(out, file)).includes(sourcesHash))
  stop(
    `expected ${file} to name its sources ${sourcesHash.slice(0, 12)}, got another library — build it again`,
  );

const manifest = {
  name: `@varpool/native-${name}`,
  version: main.version,
  description: `Native kernels of varpool for ${name}: an optional part of varpool, of no use alone`,
  license: main.license,
  author: main.author,
  os: [target.platform],
  cpu: [target.arch],
  engines: main.engines,
  files: [file],
  // A library cannot be loaded out of an archive.
  preferUnplugged: true,
  publishConfig: { access: 'public' },
  // Hash of the C files, which must be that of the varpool it serves.
  varpool: { library: file, sources: sourcesHash },
};
writeFileSync(join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
copyFileSync(join(ROOT, 'LICENSE'), join(out, 'LICENSE'));
writeFileSync(
  join(out, 'README.md'),
  `# ${manifest.name}

The kernels of [varpool](https://www.npmjs.com/package/varpool) ${main.version} as native code for ${name}. npm installs it with
varpool where it fits; there is nothing to import. Without it varpool computes the same bits in WebAssembly, more slowly.
\`varpool doctor\` says which of the two is in use.
`,
);
console.error(`packaging: ${manifest.name}@${manifest.version} → ${out}`);

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(`packaging: ${message}`);
  process.exit(2);
}
