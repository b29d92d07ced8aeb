// The queue of blocks: in any order of threads, each block is taken once; the shares it starts from are about equal.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { build } from '../../src/core/bayesian.ts';
import { type Block, parameterLayout } from '../../src/core/parameters.ts';
import { QUEUE_WORDS } from '../../src/core/training/trainingMemory.ts';
import { BlockQueue, shareBlocks } from '../../src/workers/blockQueue.ts';

const block = (rows: number): Block => ({ layer: 0, panel: 0, firstRow: 0, rows, lanes: 16, offset: 0 });
const words = (size: number) => new Int32Array(new SharedArrayBuffer(size * QUEUE_WORDS * 4));

describe('BlockQueue', () => {
  test('hands every block out once, in whatever order members ask, phase after phase', () => {
    const anyCase = fc.record({
      rows: fc.array(fc.integer({ min: 1, max: 256 }), { maxLength: 120 }),
      size: fc.integer({ min: 1, max: 9 }),
      turns: fc.array(fc.nat({ max: 8 }), { maxLength: 300 }),
    });
    fc.assert(
      fc.property(anyCase, ({ rows, size, turns }) => {
        const shared = words(size);
        const blocks = rows.map(block);
        const members = Array.from({ length: size }, (_, rank) => new BlockQueue(shared, blocks, size, rank));
        for (const phase of [0, 1]) {
          for (const member of members) member.refill();
          const taken: number[] = [];
          const take = (member: BlockQueue) => {
            const first = member.take();
            for (let b = first; first >= 0 && b < member.last; b++) taken.push(b);
            return first >= 0;
          };
          // First in the order drawn, then each until there is nothing more: some come late and find all taken.
          for (const turn of turns) take(members[(turn + phase) % size]);
          for (const member of members) while (take(member));
          expect(taken.sort((a, b) => a - b)).toEqual(blocks.map((_, b) => b));
        }
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test('a member begins with its own share', () => {
    const blocks = Array.from({ length: 64 }, () => block(16));
    const shared = words(2);
    const members = [0, 1].map((rank) => new BlockQueue(shared, blocks, 2, rank));
    for (const member of members) member.refill();
    expect(members[1].take()).toBe(32);
    expect(members[0].take()).toBe(0);
  });
});

describe('shareBlocks', () => {
  test('shares out rows, not blocks', () => {
    const { blocks } = parameterLayout(build({ inputSize: 784, hiddenSizes: [1200, 1200], outputSize: 10 }));
    for (const size of [1, 2, 3, 7, 16]) {
      const bounds = shareBlocks(blocks, size);
      expect([bounds[0], bounds[size]]).toEqual([0, blocks.length]);
      const rows = Array.from({ length: size }, (_, r) =>
        blocks.slice(bounds[r], bounds[r + 1]).reduce((sum, { rows }) => sum + rows, 0),
      );
      // No share is further from the mean than one block.
      const mean = rows.reduce((sum, share) => sum + share, 0) / size;
      for (const share of rows) expect(Math.abs(share - mean)).toBeLessThanOrEqual(256);
    }
  });

  test('copes with fewer blocks than members', () => {
    expect([...shareBlocks([block(5)], 3)]).toEqual([0, 1, 1, 1]);
    expect([...shareBlocks([], 2)]).toEqual([0, 0, 0]);
  });
});
