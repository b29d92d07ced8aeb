// Arenas that are lent, cleared and lent again: a used one cannot be told from a new one, few are made, and those let go of are
// given back to the system whatever the sizes and the order of the jobs.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Arena, ArenaLayout } from '../../src/backend/arena.ts';
import { posteriorDigest } from '../../src/experiment/posterior/saved.ts';
import { createRuntime } from '../../src/node.ts';
import { noMemoryMessage } from '../../src/platform/node/addressSpace.ts';
import { nodePlatform } from '../../src/platform/node.ts';
import { ArenaPool, arenasOf, sizeClass } from '../../src/scheduler/arenas.ts';
import { curveData, smallProblem, teamProblem } from '../support/problems.ts';

const MIB = 1 << 20;

function layoutOf(mib: number, threads = 1): ArenaLayout {
  const layout = new ArenaLayout(threads);
  layout.reserve('all', mib * MIB - layout.bytes);
  return layout;
}

describe('a pool of arenas', () => {
  test('lends a used one as it lends a new one: zeros in all of its memory, whatever was in it', async () => {
    const pool = new ArenaPool(nodePlatform);
    for (const [mib, threads] of [
      [3, 1],
      [2, 5],
      [3, 2],
      [1, 1],
      [2, 1],
      [3, 1],
    ] as const) {
      const layout = layoutOf(mib, threads);
      const loan = await pool.lend(layout);
      expect(loan.id).toBe(1);
      expect(loan.arena.threads).toBe(threads);
      expect(loan.arena.u8.every((byte) => byte === 0)).toBe(true);
      loan.arena.u8.fill(0xff, 0, layout.bytes);
      pool.giveBack(loan);
    }
  });

  test('lends no arena twice at the same time, and takes one back once', async () => {
    const pool = new ArenaPool(nodePlatform);
    const [a, b] = [await pool.lend(layoutOf(1)), await pool.lend(layoutOf(1))];
    expect(b.id).not.toBe(a.id);
    pool.giveBack(a);
    pool.giveBack(a);
    expect(pool.free.count).toBe(1);
    expect((await pool.lend(layoutOf(1))).id).toBe(a.id);
    expect((await pool.lend(layoutOf(1))).id).not.toBe(a.id);
  });

  test('never lends again what a stuck worker may write to', async () => {
    const pool = new ArenaPool(nodePlatform);
    const loan = await pool.lend(layoutOf(1));
    pool.giveBack(loan, true);
    expect(pool.free.count).toBe(0);
    expect((await pool.lend(layoutOf(1))).id).not.toBe(loan.id);
  });

  test('keeps no more than its bounds, and collects once enough is gone', async () => {
    const pool = new ArenaPool(nodePlatform, {
      free: 3,
      freeBytes: () => 64 * MIB,
      gone: 4,
      goneBytes: 1024 * MIB,
    });
    for (let round = 0; round < 5; round++) {
      const loans = [];
      for (let n = 0; n < 5; n++) loans.push(await pool.lend(layoutOf(30)));
      for (const loan of loans) pool.giveBack(loan);
      // Two of some 32 MiB are all that fit; three of the five are made anew each time.
      expect(pool.free.count).toBe(2);
    }
    // 15 let go of, three a round; looked at when more are made, in every second round.
    expect(pool.evictions).toBe(2);
  });

  test('gives up all it keeps, and has the workers let go, before it says that there is no memory', async () => {
    let room = 2;
    const pool = new ArenaPool(nodePlatform, {}, (layout, ...how) => {
      if (room === 0) throw new RangeError('full');
      room--;
      return Arena.allocate(layout, ...how);
    });
    pool.giveBack(await pool.lend(layoutOf(1)));
    const kept = await pool.lend(layoutOf(40));
    const asked: number[] = [];
    const leave = pool.join(async () => {
      asked.push(pool.free.count);
      room = asked.length === 1 ? 1 : 0;
    });
    expect((await pool.lend(layoutOf(80))).id).not.toBe(kept.id);
    expect(asked).toEqual([0]);
    await expect(pool.lend(layoutOf(80))).rejects.toThrow('full');
    expect(asked).toEqual([0, 0]);
    leave();
  });

  test('makes four sizes an octave, none smaller than asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_536 }), (pages) => {
        const size = sizeClass(pages);
        expect(size).toBeGreaterThanOrEqual(pages);
        expect(size).toBeLessThanOrEqual(Math.max(16, Math.ceil(pages * 1.25)));
        expect(sizeClass(size)).toBe(size);
      }),
    );
    const sizes = new Set(Array.from({ length: 65_536 }, (_, n) => sizeClass(n + 1)));
    expect(sizes.size).toBeLessThanOrEqual(4 * 12 + 1);
  });
});

describe('runtimes', () => {
  test('compute in the same arenas again, with the same bits as in new ones', async () => {
    const [large, small] = [teamProblem(1), smallProblem('gaussian', 2)];
    const rows = (n: number) => curveData(n, 4, 'gaussian', 2).x;
    const results = async () => {
      await using runtime = createRuntime({ workers: 3, seed: 'arenas' });
      const [q, deep] = await Promise.all([
        runtime.train(small.model, small.data, small.options),
        runtime.train(large.model, large.data, large.options),
      ]);
      const predictions = [];
      for (const mode of ['sample', 'marginal', 'mean'] as const)
        predictions.push(await runtime.predict(q, rows(17), { draws: 40, mode, quantiles: [0.1, 0.9] }));
      return { digests: [q, deep].map(posteriorDigest), predictions };
    };
    const first = await results();
    const before = await arenasOf(nodePlatform).lend(layoutOf(1));
    arenasOf(nodePlatform).giveBack(before);
    for (let n = 0; n < 3; n++) expect(await results()).toEqual(first);
    const after = await arenasOf(nodePlatform).lend(layoutOf(1));
    arenasOf(nodePlatform).giveBack(after);
    expect(after.id).toBe(before.id);
  });
});

describe('the message for memory that could not be had', () => {
  const GIB = 1 << 30;
  test.each([
    [
      { limit: 2 ** 47, used: GIB, guarded: true },
      'arena: expected 3 MiB of memory, got none — close other programs or use fewer rows, draws or weights',
    ],
    [
      { limit: 19 * GIB, used: 11 * GIB, guarded: true },
      'arena: expected 10.0 GiB of address space for 3 MiB of memory, got 8.0 GiB of 19.0 GiB — run node with --disable-wasm-trap-handler, or raise the limit (ulimit -v)',
    ],
    [
      { limit: GIB, used: GIB - MIB, guarded: false },
      'arena: expected 3 MiB of address space, got 1 MiB of 1024 MiB — raise the limit (ulimit -v) or use fewer rows, draws or weights',
    ],
  ])('under %o', (space, message) => {
    expect(noMemoryMessage(3 * MIB, space)).toBe(message);
  });
});

describe.runIf(process.platform === 'linux')('under a limit of address space', () => {
  const script = fileURLToPath(new URL('../support/trainsJudged.mjs', import.meta.url));
  const run = (flags: string) => {
    const command = `ulimit -v 20000000; exec "$0" ${flags} "$1"`;
    const { stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath, script], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    return JSON.parse(stdout) as { end: string; saved: number[] };
  };

  test('a training that needs a second arena says what helps, after saving its state; and that helps', () => {
    const { end, saved } = run('');
    expect(end).toMatch(
      /^arena: expected 10.0 GiB of address space for 1 MiB of memory, got \d\.\d GiB of 19.1 GiB — run node with --disable-wasm-trap-handler, or raise/,
    );
    expect(saved).toEqual([0]);
    expect(run('--disable-wasm-trap-handler')).toEqual({ end: 'done', saved: [] });
  });
});
