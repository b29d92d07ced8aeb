// Which vector instructions this processor has, where the system tells: for the reader of a manifest, no bit depends on them.

import { readFileSync } from 'node:fs';

/** Instruction sets that kernels are or could be compiled for, by their names in /proc/cpuinfo. */
const TELLING = new Set(
  (
    'sse2 ssse3 sse4_1 sse4_2 avx avx2 fma f16c avx_vnni avx512f avx512dq avx512bw avx512vl avx512_vnni amx_tile ' +
    'asimd asimdhp asimddp sve sve2 neon'
  ).split(' '),
);

/** Names of the vector instruction sets, in the order the system lists them; none where it does not. */
export function cpuFeatures(cpuinfo: string = readCpuinfo()): string[] {
  // x86 says flags, arm64 says Features; every core repeats the line.
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? '';
  return line.split(/\s+/).filter((name) => TELLING.has(name));
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return ''; // Not Linux: that the list is empty says so.
  }
}
