// The checkpoints of a run: which are kept, which one is gone on from, and that a kill between any two system calls, a full disk and
// damage to files leave one that is good.

import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CheckpointError } from '../../../src/errors.ts';
import { madeState } from '../../support/states.ts';

type System = typeof import('node:fs');
/** Asked before every system call that changes something; what it throws comes in place of the call. */
const gate = vi.hoisted(() => ({ before: (_call: string, _args: readonly unknown[]) => {} }));
vi.mock('node:fs', async (original) => {
  const real = await original<System>();
  const changing = [
    'writeSync',
    'fsyncSync',
    'renameSync',
    'linkSync',
    'copyFileSync',
    'rmSync',
    'openSync',
    'closeSync',
  ];
  const wrapped = changing.map((name) => [
    name,
    (...args: unknown[]) => {
      gate.before(name, args);
      return (real[name as keyof System] as (...all: unknown[]) => unknown)(...args);
    },
  ]);
  return { ...real, ...Object.fromEntries(wrapped) };
});
const { CheckpointStore, removeTemporaries } = await import('../../../src/experiment/checkpoint/store.ts');

const scratch = fs.mkdtempSync(join(tmpdir(), 'varpool-store-'));
afterAll(() => fs.rmSync(scratch, { recursive: true }));
let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(scratch, 'd-'));
});
afterEach(() => {
  gate.before = () => {};
});

const noWarning = (message: string) => {
  throw new Error(`expected no warning, got ${message}`);
};
const files = () => fs.readdirSync(dir).sort();
const numbered = (step: number) => `checkpoint-${String(step).padStart(9, '0')}.safetensors`;
const NEWEST = 'checkpoint.safetensors';
const damage = (name: string) => {
  const bytes = fs.readFileSync(join(dir, name));
  bytes[bytes.length - 3] ^= 4;
  // A new file: a second name of the old one must not change with it.
  fs.rmSync(join(dir, name));
  fs.writeFileSync(join(dir, name), bytes);
};

describe('files', () => {
  test.each([
    [1, [NEWEST]],
    [2, [numbered(30), NEWEST]],
    [3, [numbered(20), numbered(30), NEWEST]],
    [9, [numbered(10), numbered(20), numbered(30), NEWEST]],
  ])('keep %i: the newest under its own name, older ones under their steps', (keep, expected) => {
    const store = new CheckpointStore(dir, { keep });
    for (const step of [10, 20, 30, 40]) store.save(madeState(step), null);
    expect(files()).toEqual(expected);
    expect(new CheckpointStore(dir).newest(noWarning)).toEqual({
      state: madeState(40),
      kernels: null,
      varpool: expect.any(String),
      path: join(dir, NEWEST),
    });
  });

  test('a resumed process keeps files in the same manner; saving a step twice keeps it once', () => {
    new CheckpointStore(dir).save(madeState(10), null);
    const store = new CheckpointStore(dir);
    store.newest(noWarning);
    for (const step of [20, 20, 30]) store.save(madeState(step), null);
    expect(files()).toEqual([numbered(20), NEWEST]);
  });

  test('several trainings share a directory under names of their own', () => {
    const stores = ['checkpoint', 'member-1', 'member-10'].map((name) => new CheckpointStore(dir, { name }));
    for (const [i, store] of stores.entries())
      for (const step of [1, 2]) store.save(madeState(step + 10 * i), null);
    expect(stores.map((store) => store.newest(noWarning)?.state.step)).toEqual([2, 12, 22]);
    stores[1].clear();
    expect(files()).toEqual(
      ['', '-000000001']
        .flatMap((end) => [`checkpoint${end}.safetensors`])
        .concat('member-10-000000021.safetensors', 'member-10.safetensors')
        .sort(),
    );
  });

  test('a directory without any has none, and one that is no directory is an error', () => {
    expect(new CheckpointStore(dir).newest(noWarning)).toBeNull();
    expect(() => new CheckpointStore(join(dir, 'none')).newest(noWarning)).toThrow(
      new CheckpointError(
        `${dir}/none: expected a directory of checkpoints, got no such file — check the path`,
      ),
    );
  });
});

describe('damage', () => {
  const store = (keep = 3) => new CheckpointStore(dir, { keep });
  beforeEach(() => {
    const first = store();
    for (const step of [10, 20, 30]) first.save(madeState(step), null);
  });

  test('of the newest: the one before, with a warning; the next save throws nothing good away', () => {
    damage(NEWEST);
    const warnings: string[] = [];
    const next = store();
    const found = next.newest((message) => warnings.push(message));
    expect(found?.state).toEqual(madeState(20));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /checkpoint\.safetensors: expected SHA-256 .* — the file is damaged; resuming from .*-000000020\.safetensors$/,
    );
    next.save(madeState(25), null);
    expect(files()).toEqual([numbered(10), numbered(20), NEWEST]);
    expect(store().newest(noWarning)?.state).toEqual(madeState(25));
  });

  test('of the two newest: the third, and what a life given up left goes with the next save', () => {
    damage(NEWEST);
    damage(numbered(20));
    const next = store();
    expect(next.newest(() => undefined)?.state).toEqual(madeState(10));
    next.save(madeState(15), null);
    expect(files()).toEqual([numbered(10), NEWEST]);
  });

  test('of the newest by way of deletion: the one before, without a warning', () => {
    fs.rmSync(join(dir, NEWEST));
    const next = store();
    expect(next.newest(noWarning)?.state).toEqual(madeState(20));
    next.save(madeState(31), null);
    expect(files()).toEqual([numbered(10), numbered(20), NEWEST]);
  });

  test('of all is an error that says what to do, and changes nothing', () => {
    for (const name of files()) damage(name);
    const before = files();
    expect(() => store().newest(noWarning)).toThrow(
      /^.*checkpoint\.safetensors: expected SHA-256 .*; no older one can be read either: delete the checkpoints to begin at the first step$/,
    );
    expect(files()).toEqual(before);
  });
});

describe('a kill', () => {
  /** Runs `work` and kills the process, as far as files go, before its n-th system call: no later call happens either. */
  function killedAt(n: number, work: () => void): boolean {
    let calls = 0;
    gate.before = () => {
      if (calls++ >= n) throw Object.assign(new Error('killed'), { code: 'KILLED' });
    };
    try {
      work();
    } catch {}
    gate.before = () => {};
    return calls > n;
  }

  test.each([1, 2, 3])(
    'before any system call of a save leaves the old state or the new one (keep %i)',
    (keep) => {
      let instants = 0;
      for (let n = 0; ; n++) {
        dir = fs.mkdtempSync(join(scratch, 'd-'));
        const store = new CheckpointStore(dir, { keep });
        for (const step of [10, 20, 30]) store.save(madeState(step), null);
        const killed = killedAt(n, () => store.save(madeState(40), null));
        expect(fs.existsSync(join(dir, NEWEST)), 'at every instant').toBe(true);
        removeTemporaries(dir);
        const next = new CheckpointStore(dir, { keep });
        const { step } = next.newest(noWarning)!.state;
        expect([30, 40]).toContain(step);
        // The next life keeps no more and no less than it should.
        next.save(madeState(step + 5), null);
        next.save(madeState(step + 10), null);
        expect(files()).toHaveLength(keep);
        for (const name of files()) expect(name).toMatch(/^checkpoint(-\d{9})?\.safetensors$/);
        if (!killed) break;
        instants++;
      }
      expect(instants).toBeGreaterThan(8);
    },
  );
});

describe('failures of the disk', () => {
  test.each<[string, string, string]>([
    ['writeSync', 'ENOSPC', 'no space left on the disk — free some or choose another disk'],
    ['fsyncSync', 'EIO', 'a system error (EIO) — check the disk'],
    ['openSync', 'EROFS', 'a read-only file system — choose another place'],
    ['renameSync', 'EACCES', 'permission denied — choose another place or change its permissions'],
  ])(
    '%s %s: one line, all checkpoints as they were, and saving works again once the fault is mended',
    (call, code, got) => {
      const store = new CheckpointStore(dir, { keep: 2 });
      for (const step of [10, 20]) store.save(madeState(step), null);
      gate.before = (name) => {
        if (name === call) throw Object.assign(new Error(code), { code });
      };
      expect(() => store.save(madeState(30), null)).toThrow(
        new CheckpointError(`${join(dir, NEWEST)}: expected a file that can be written, got ${got}`),
      );
      gate.before = () => {};
      expect(new CheckpointStore(dir).newest(noWarning)?.state).toEqual(madeState(20));
      expect(files().filter((name) => !name.startsWith('checkpoint'))).toEqual([]);
      store.save(madeState(40), null);
      expect(files()).toEqual([numbered(20), NEWEST]);
      expect(store.newest(noWarning)?.state).toEqual(madeState(40));
    },
  );

  test('a file system without hard links copies instead; one with no room for the copy keeps the old state', () => {
    gate.before = (name) => {
      if (name === 'linkSync') throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    };
    const store = new CheckpointStore(dir, { keep: 2 });
    for (const step of [10, 20, 30]) store.save(madeState(step), null);
    expect(files()).toEqual([numbered(20), NEWEST]);
    fs.rmSync(join(dir, NEWEST));
    expect(new CheckpointStore(dir).newest(noWarning)?.state).toEqual(madeState(20));
    store.save(madeState(40), null);
    gate.before = (name) => {
      if (name === 'linkSync' || name === 'copyFileSync')
        throw Object.assign(new Error(), { code: 'ENOSPC' });
    };
    expect(() => store.save(madeState(50), null)).toThrow(
      /-000000040\.safetensors: .* no space left on the disk/,
    );
    expect(store.newest(noWarning)?.state).toEqual(madeState(40));
  });
});
