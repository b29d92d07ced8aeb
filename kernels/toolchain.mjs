// @ts-check
// For which machines there are native libraries, and which compiler and linker here make one: this machine's own, or a
// cross compiler. What is compiled, and with which flags, is kernels/build-native.mjs.

import { execFileSync } from 'node:child_process';

/** @typedef {{ readonly platform: string, readonly arch: string }} Target */

/** The machines that get a package; koffi and Node run on all of them. @type {readonly Target[]} */
export const PACKAGED = [
  { platform: 'linux', arch: 'x64' },
  { platform: 'linux', arch: 'arm64' },
  { platform: 'darwin', arch: 'x64' },
  { platform: 'darwin', arch: 'arm64' },
  { platform: 'win32', arch: 'x64' },
];

/** @param {Target} target */
export const targetName = ({ platform, arch }) => `${platform}-${arch}`;

const EXTENSION = { linux: 'so', darwin: 'dylib', win32: 'dll' };

/** File name of the library; null where none can be made. @param {Target} target */
export function libraryName({ platform }) {
  const extension = EXTENSION[/** @type {keyof typeof EXTENSION} */ (platform)];
  return extension === undefined ? null : `varpool.${extension}`;
}

const GNU = { x64: 'x86_64', arm64: 'aarch64' };

/** Compilers to try where CC says none, best first. @param {Target} target */
function candidates({ platform, arch }) {
  const cpu = GNU[/** @type {keyof typeof GNU} */ (arch)];
  const here = platform === process.platform;
  // gcc for Windows keeps stacks on 16 bytes but moves 32 and 64 to them as if they were aligned: clang alone is safe.
  if (platform === 'win32') return [`clang --target=${cpu}-w64-mingw32`];
  if (platform === 'darwin') return here ? [`clang --target=${cpu}-apple-macos11`] : [];
  if (here && arch === process.arch) return ['cc', 'gcc', 'clang'];
  return [`${cpu}-linux-gnu-gcc`];
}

/**
 * The commands that compile and link for a target, each as a program with its first arguments.
 * @param {Target} target
 */
export function toolchain(target) {
  const wanted = process.env.CC ? [process.env.CC] : candidates(target);
  for (const candidate of wanted) {
    // A path may hold spaces; a compiler may come with its first arguments.
    const compile = output([candidate, '--version']) === null ? candidate.trim().split(/\s+/) : [candidate];
    const version = output([...compile, '--version']);
    if (version === null) continue;
    if (target.platform === 'win32' && !version.includes('clang')) {
      throw new Error(
        `expected clang for Windows, got ${candidate} — gcc misaligns vectors on Windows stacks, set CC=clang`,
      );
    }
    return { compile, ...linking(target, compile) };
  }
  throw new Error(
    `expected a C compiler for ${targetName(target)} (${wanted.join(', ') || 'on a machine of that kind'}), got none — install one or use the WebAssembly build`,
  );
}

/**
 * @param {Target} target @param {string[]} compile
 * @returns {{ link: string[], libraries: string[] }}
 */
function linking({ platform, arch }, compile) {
  if (platform === 'linux') {
    // No C library is named, so that one file serves glibc of any age and musl. What a compiler may still call (memset)
    // is in the process already; which instructions a CPU has is asked by the compiler's own archive.
    const archive = output([...compile, '-print-libgcc-file-name'])?.trim();
    return { link: [...compile, '-shared', '-nostdlib', '-s'], libraries: archive ? [archive] : [] };
  }
  if (platform === 'win32') {
    // A clang beside Debian's mingw does not find its libraries; the linker of that mingw does.
    const mingw = `${GNU[/** @type {keyof typeof GNU} */ (arch)]}-w64-mingw32-gcc`;
    const linker = output([mingw, '--version']) === null ? compile : [mingw, '-static-libgcc'];
    return { link: [...linker, '-shared', '-s'], libraries: [] };
  }
  return { link: [...compile, '-shared'], libraries: [] };
}

/** What a command prints, or null where it cannot run. @param {string[]} command */
function output([program, ...args]) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return null;
  }
}
