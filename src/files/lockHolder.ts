// Who holds a lock, and whether that process is alive, from the system's list of processes of this machine and this container.

import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface Holder {
  readonly pid: number;
  /** When the machine and the process began, where the system reports it: a process number is used again one day. */
  readonly began: string | null;
  readonly host: string;
  /** The container, where the system reports it: numbers of processes mean something only inside of it. */
  readonly space: string | null;
}

/** This process. */
export function self(): Holder {
  return { pid: process.pid, began: statusOf(process.pid)?.began ?? null, host: hostname(), space: space() };
}

/** Who a lock names; null where that cannot be read. */
export function holderIn(text: string): Holder | null {
  try {
    const { pid, began, host, space: own } = JSON.parse(text) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || (pid as number) <= 0 || typeof host !== 'string') return null;
    return { pid: pid as number, began: began ?? null, host, space: own ?? null };
  } catch {
    return null;
  }
}

/** Whether the process is alive; null where that cannot be known here. */
export function lives({ pid, began, host, space: where }: Holder): boolean | null {
  const here = self();
  const elsewhere = (theirs: string | null, ours: string | null) =>
    theirs !== null && ours !== null && theirs !== ours;
  // Machines may share a name, but not the number of their start.
  if (host !== here.host || elsewhere(bootOf(began), bootOf(here.began)) || elsewhere(where, here.space))
    return null;
  const status = statusOf(pid);
  // A zombie has ended; its parent has not collected its status yet.
  if (status !== null && (status.state === 'Z' || status.state === 'X')) return false;
  // In a container every first process has number 1: then the beginning tells this one from the one before.
  if (began !== (status?.began ?? null)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function bootOf(began: string | null): string | null {
  return began?.split(' ')[0] ?? null;
}

function space(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

/** State of a process, and clock ticks from the machine's start to its own, with the machine's start; null where /proc does not say. */
function statusOf(pid: number): { state: string; began: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold blanks and parentheses of its own.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return { state: fields[0], began: `${boot} ${fields[19]}` };
  } catch {
    return null;
  }
}
