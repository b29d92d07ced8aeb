// @ts-check
// A registry on this machine for one scope: serves the tarballs it is given as npm does, and 404 for everything else.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename } from 'node:path';

/**
 * @typedef {{ manifest: { name: string, version: string }, file: string }} Packed
 * @param {readonly Packed[]} packages
 */
export async function serveRegistry(packages) {
  const asked = /** @type {string[]} */ ([]);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    asked.push(path);
    const packed = packages.find(
      ({ manifest, file }) => path === `/${manifest.name}` || path === `/${basename(file)}`,
    );
    if (packed === undefined) response.writeHead(404).end('{"error":"not found"}');
    else if (path.endsWith('.tgz')) response.end(readFileSync(packed.file));
    else response.end(JSON.stringify(packument(packed, url())));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(null)));
  const url = () =>
    `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}`;
  return {
    url: url(),
    asked,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** @param {Packed} packed @param {string} url */
function packument({ manifest, file }, url) {
  const integrity = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  const version = { ...manifest, dist: { tarball: `${url}/${basename(file)}`, integrity } };
  return {
    name: manifest.name,
    'dist-tags': { latest: manifest.version },
    versions: { [manifest.version]: version },
  };
}
