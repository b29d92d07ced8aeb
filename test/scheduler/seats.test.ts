// How workers are shared out: even parts, nothing left over, turns in order, never more than there are.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Seats } from '../../src/scheduler/seats.ts';
import { membersAtOnce } from '../../src/scheduler/training/ensemble.ts';

describe('share', () => {
  test.each([
    [2, [9], [2]],
    [2, [9, 9], [1, 1]],
    [2, [9, 9, 9], [1, 1, 1]],
    [8, [9, 9, 9], [2, 3, 3]],
    // What small ones cannot use goes to the large one, whatever the order they came in.
    [8, [9, 1, 1], [6, 1, 1]],
    [8, [2, 9, 3], [2, 3, 3]],
  ])('%i workers, worth %j', (workers, worths, shares) => {
    const seats = new Seats(workers);
    const places = worths.map((worth) => seats.join(worth));
    expect(places.map((place) => place.share())).toEqual(shares);
  });

  test('a training that leaves gives its part to the others', () => {
    const seats = new Seats(4);
    const [a, b] = [seats.join(9), seats.join(9)];
    expect([a.share(), b.share()]).toEqual([2, 2]);
    a.leave();
    expect(b.share()).toBe(4);
  });

  test('each has one at least and no more than it is worth; together they fit, or are as many as trainings', () => {
    const worth = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16 }), worth, (workers, worths) => {
        const seats = new Seats(workers);
        const shares = worths.map((w) => seats.join(w)).map((place) => place.share());
        for (const [i, share] of shares.entries()) {
          expect(share).toBeGreaterThanOrEqual(1);
          expect(share).toBeLessThanOrEqual(worths[i]);
        }
        const total = shares.reduce((a, b) => a + b);
        const wanted = worths.reduce((a, b) => a + b);
        if (worths.length <= workers) expect(total).toBe(Math.min(workers, wanted));
        else expect(total).toBe(worths.length);
      }),
    );
  });
});

test('hold: never more workers than there are, in the order of the calls, and an error gives them back', async () => {
  const seats = new Seats(3);
  const started: number[] = [];
  const ends: (() => void)[] = [];
  let busy = 0;
  let most = 0;
  const team = (n: number, count: number) =>
    seats.hold(count, async () => {
      started.push(n);
      busy += count;
      most = Math.max(most, busy);
      await new Promise<void>((end) => ends.push(end));
      busy -= count;
      if (n === 1) throw new Error('lost');
    });
  const settled = Promise.allSettled([team(0, 1), team(1, 2), team(2, 3), team(3, 1), team(4, 2)]);
  const turn = () => new Promise((next) => setImmediate(next));
  await turn();
  expect(started).toEqual([0, 1]);
  ends[0]();
  await turn();
  // The team of three waits for both, and those behind it wait for their turn.
  expect(started).toEqual([0, 1]);
  ends[1]();
  await turn();
  expect(started).toEqual([0, 1, 2]);
  ends[2]();
  await turn();
  expect(started).toEqual([0, 1, 2, 3, 4]);
  ends[3]();
  ends[4]();
  const results = await settled;
  expect(results.map(({ status }) => status === 'rejected')).toEqual([false, true, false, false, false]);
  expect(most).toBe(3);
});

test('members at once: one a worker, small ones all, never what memory cannot hold', () => {
  const MiB = 1 << 20;
  expect(membersAtOnce(5, 2, MiB, 1024 * MiB)).toBe(5);
  expect(membersAtOnce(5, 2, 200 * MiB, 16_384 * MiB)).toBe(2);
  expect(membersAtOnce(5, 8, 200 * MiB, 16_384 * MiB)).toBe(5);
  expect(membersAtOnce(64, 64, 200 * MiB, 4096 * MiB)).toBe(10);
  expect(membersAtOnce(5, 2, 200 * MiB, 100 * MiB)).toBe(1);
});
