// @ts-check
// The playground as files that any host can serve, in dist/playground, and a server for them: npm run playground -- [--port 4173] [--build]

import { cpSync, mkdirSync, realpathSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('./', import.meta.url));
const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const site = `${dist}playground/`;

/** Bundles the page beside the worker and the kernels, where its code looks for them. */
export async function buildSite() {
  rmSync(site, { recursive: true, force: true });
  mkdirSync(`${site}app`, { recursive: true });
  await build({
    entryPoints: [`${here}main.js`],
    outfile: `${site}app/main.js`,
    bundle: true,
    minify: true,
    keepNames: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    alias: { 'varpool/browser': `${dist}browser/varpool.js` },
    logLevel: 'warning',
  });
  cpSync(`${dist}browser/worker.js`, `${site}app/worker.js`);
  for (const name of ['varpool.wasm', 'varpool-emulated.wasm'])
    cpSync(`${dist}kernels/${name}`, `${site}kernels/${name}`);
  for (const name of ['style.css', 'icon.svg', 'isolate.js', 'digits.safetensors'])
    cpSync(here + name, site + name);
  const page = (await readFile(`${here}index.html`, 'utf8')).replace('src="main.js"', 'src="app/main.js"');
  await writeFile(`${site}index.html`, page);
  return site;
}

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** @param {number} port */
function serve(port) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const file = normalize(join(site, path === '/' ? 'index.html' : path));
    try {
      if (!file.startsWith(normalize(site))) throw new Error('outside');
      const body = await readFile(file);
      response.writeHead(200, {
        'Content-Type':
          TYPES[/** @type {keyof typeof TYPES} */ (extname(file))] ?? 'application/octet-stream',
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.on('error', (error) => {
    console.error(`playground: expected port ${port} to be free, got ${error.message} — pass --port`);
    process.exitCode = 1;
  });
  server.listen(port, '127.0.0.1', () => console.log(`playground: http://127.0.0.1:${port}/`));
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { port: { type: 'string', default: '4173' }, build: { type: 'boolean', default: false } },
  });
  await buildSite();
  if (values.build) console.log(`playground: built in ${site}`);
  else serve(Number(values.port));
}
