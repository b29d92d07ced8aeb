// @ts-check
// Pages in real browsers without a driver: a server on 127.0.0.1 with the headers a test wants, a headless browser on a profile of its
// own, and a page that posts what it found back to the server.

import { spawn, spawnSync } from 'node:child_process';
import {
  createReadStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
/** As strict as a page with WebAssembly can have it: no inline script, no eval, nothing from elsewhere. */
export const STRICT_POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'";
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

/** @typedef {{ isolated?: boolean, policy?: string | null, root?: string }} Site */

/**
 * Serves a folder; pages post to /report and /log.
 * @param {Site} site
 */
export async function serve({ isolated = true, policy = STRICT_POLICY, root = ROOT } = {}) {
  /** @type {((report: any) => void)[]} */
  const waiting = [];
  /** @type {string[]} */
  const requests = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    if (request.method === 'POST') {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        response.end();
        waiting.shift()?.(JSON.parse(body));
      });
      return;
    }
    requests.push(path);
    const file = normalize(join(root, path.endsWith('/') ? `${path}index.html` : path));
    const known = file.startsWith(normalize(root)) && existsSync(file) && statSync(file).isFile();
    response.writeHead(known ? 200 : 404, {
      'Content-Type': TYPES[/** @type {keyof typeof TYPES} */ (extname(file))] ?? 'application/octet-stream',
      'Cache-Control': 'no-store',
      ...(isolated ? ISOLATION : {}),
      ...(policy === null ? {} : { 'Content-Security-Policy': policy }),
    });
    if (known) createReadStream(file).pipe(response);
    else response.end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(null)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    /** The next thing a page posts. @param {number} ms */
    report(ms) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`expected a report of the page, got none in ${ms / 1000} s`)),
          ms,
        );
        waiting.push((report) => {
          clearTimeout(timer);
          resolve(report);
        });
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve(null));
        server.closeAllConnections();
      }),
  };
}

/** @type {Partial<Record<string, string>>} */
const MULTIARCH = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
const PROGRAMS = {
  chromium: ['chromium', 'chromium-browser'],
  firefox: ['firefox-esr', 'firefox'],
  // Where Debian's and Fedora's libwebkit2gtk have their browser for tests, which has no headless mode.
  webkit: [
    `/usr/lib/${MULTIARCH[process.arch] ?? ''}/webkit2gtk-4.1/MiniBrowser`,
    '/usr/libexec/webkit2gtk-4.1/MiniBrowser',
  ],
};
/** @typedef {keyof typeof PROGRAMS} BrowserName */

/** Debian's packages with each browser. @type {Record<BrowserName, string>} */
export const PACKAGES = {
  chromium: 'chromium',
  firefox: 'firefox-esr',
  webkit: 'libwebkit2gtk-4.1-0 xvfb xauth',
};

/** The program of a browser and its version, or null where it is not installed. @param {BrowserName} name */
export function findBrowser(name) {
  for (const program of PROGRAMS[name]) {
    const words = name === 'webkit' ? ['xvfb-run', '-a', program, '--version'] : [program, '--version'];
    const { status, stdout } = spawnSync(words[0], words.slice(1), { encoding: 'utf8' });
    if (status === 0) return { program, version: /\d[\d.]+/.exec(stdout)?.[0] ?? 'unknown' };
  }
  return null;
}

/** The command that opens an address on a profile, and what its environment needs. @param {BrowserName} name @param {string} program @param {string} profile @param {string[]} args */
function command(name, program, profile, args) {
  if (name === 'firefox')
    return { words: [program, '--headless', '--no-remote', '--profile', profile, ...args] };
  if (name === 'webkit') {
    // It shares memory only when told to, keeps its files by these variables, and its sandbox refuses root.
    const env = {
      JSC_useSharedArrayBuffer: '1',
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
      XDG_DATA_HOME: profile,
      XDG_CACHE_HOME: profile,
    };
    return { words: ['xvfb-run', '-a', program, ...args], env };
  }
  return {
    words: [
      program,
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      `--user-data-dir=${profile}`,
      ...args,
    ],
  };
}

/**
 * Opens a page in a browser with a profile of its own.
 * @param {BrowserName} name
 * @param {string} url
 * @param {{ profile?: string, args?: string[] }} [options] a profile that is kept is the caller's to remove
 */
export function open(name, url, { profile, args = [] } = {}) {
  const found = findBrowser(name);
  if (found === null) throw new Error(`expected ${name}, got none — apt-get install ${PACKAGES[name]}`);
  const own = profile ?? mkdtempSync(join(tmpdir(), 'varpool-browser-'));
  const { words, env = {} } = command(name, found.program, own, args);
  const child = spawn(words[0], [...words.slice(1), url], {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, ...env },
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return {
    version: found.version,
    /** The browser's first process, which leads the group of all others. */
    pid: /** @type {number} */ (child.pid),
    /** Ends the browser with all its processes, as a crash would. */
    async close() {
      try {
        process.kill(-(/** @type {number} */ (child.pid)), 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
      await exited;
      if (profile === undefined)
        rmSync(own, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

/** A process and all that it started, by their ids. @param {number} pid */
function treeOf(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It has ended in between.
    }
  }
  const all = [pid];
  for (let i = 0; i < all.length; i++) all.push(...(children.get(all[i]) ?? []));
  return all;
}

/** Stops a browser with all its processes, as a laptop that sleeps does. @param {number} pid @returns {number[]} what was stopped */
export function suspend(pid) {
  const all = treeOf(pid);
  for (const one of all) process.kill(one, 'SIGSTOP');
  return all;
}

/** @param {readonly number[]} stopped */
export function resumeAll(stopped) {
  for (const one of stopped) process.kill(one, 'SIGCONT');
}

/**
 * Bytes that the processes of a browser hold for themselves (PSS on Linux), with all their children.
 * @param {number} pid
 */
export function memoryOf(pid) {
  let kilobytes = 0;
  for (const one of treeOf(pid)) {
    try {
      kilobytes += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch {
      // It has ended in between.
    }
  }
  return kilobytes * 1024;
}
