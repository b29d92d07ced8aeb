// Why a shared memory could not be made: its size is rarely the reason. Around each WebAssembly memory the engine reserves
// 8 to 10 GiB of addresses, which a limit of the process's address space (ulimit -v) soon forbids.

import { readFileSync } from 'node:fs';

const GIB = 1 << 30;
/** Addresses reserved for one memory, at most, unless the engine checks bounds itself. */
const RESERVED = 10 * GIB;
/** Addresses a process has on the machines Node runs on. */
const ALL = 2 ** 47;
const FLAG = '--disable-wasm-trap-handler';

/** What limits the addresses of this process. */
export interface AddressSpace {
  /** Bytes the process may reserve (RLIMIT_AS). */
  readonly limit: number;
  readonly used: number;
  /** The engine reserves more than it uses. */
  readonly guarded: boolean;
}

/** As the system tells; without a limit where it does not. */
export function addressSpace(): AddressSpace {
  const read = (file: string, pattern: RegExp, unit: number) => {
    const found = pattern.exec(readFileSync(file, 'utf8'))?.[1];
    return found === undefined || found === 'unlimited' ? ALL : Number(found) * unit;
  };
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  const guarded = !flags.includes(FLAG);
  try {
    return {
      limit: Math.min(ALL, read('/proc/self/limits', /^Max address space +(\S+)/m, 1)),
      used: read('/proc/self/status', /^VmSize:\s+(\d+)/m, 1024),
      guarded,
    };
  } catch {
    return { limit: ALL, used: 0, guarded }; // No Linux, no figures.
  }
}

/** The error for `bytes` that could not be had: what there is none of, and what helps. */
export function noMemoryMessage(bytes: number, space: AddressSpace = addressSpace()): string {
  const { guarded, limit, used } = space;
  const left = Math.max(0, limit - used);
  if (left > (guarded ? RESERVED : bytes))
    return `arena: expected ${inMib(bytes)} of memory, got none — close other programs or use fewer rows, draws or weights`;
  if (guarded)
    return `arena: expected ${inGib(RESERVED)} of address space for ${inMib(bytes)} of memory, got ${inGib(left)} of ${inGib(limit)} — run node with ${FLAG}, or raise the limit (ulimit -v)`;
  return `arena: expected ${inMib(bytes)} of address space, got ${inMib(left)} of ${inMib(limit)} — raise the limit (ulimit -v) or use fewer rows, draws or weights`;
}

function inMib(bytes: number): string {
  return `${Math.ceil(bytes / 1_048_576)} MiB`;
}

function inGib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
