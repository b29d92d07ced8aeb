// Where plain data differs: each leaf by its path, and none where there is no difference.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changes } from '../../../src/files/text/jsonChanges.ts';

test.each([
  [{ a: 1, b: { c: [1, 2] } }, { a: 1, b: { c: [1, 3, 4] } }, ['b.c[1]', 'b.c[2]']],
  [{ a: 1 }, { b: 1 }, ['a', 'b']],
  [{ a: [] }, { a: {} }, ['a']],
  [{ a: 0 }, { a: -0 }, ['a']],
  [{ a: null }, {}, ['a']],
  [{ a: undefined }, {}, []],
  [{}, { toString: 1 }, ['toString']],
  [{ a: Number.NaN }, { a: Number.NaN }, []],
  [1, '1', ['']],
])('%j and %j', (before, now, fields) => {
  expect(changes(before, now).map(({ field }) => field)).toEqual(fields);
});

test('a field that counts as equal hides all below it', () => {
  const same = ({ field }: { field: string }) => field === 'a.b';
  expect(changes({ a: { b: { c: 1 }, d: 1 } }, { a: { b: { c: 2 }, d: 2 } }, same)).toEqual([
    { field: 'a.d', before: 1, now: 2 },
  ]);
});

test('property: one changed leaf is the one that is found, and equal data has none', () => {
  const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('tree'), { minKeys: 1 }),
    ),
  }));
  fc.assert(
    fc.property(tree, fc.infiniteStream(fc.nat()), (before, choices) => {
      const now = structuredClone(before);
      expect(changes(before, now)).toEqual([]);
      let at = now as Record<string, unknown>;
      let field = '';
      if (typeof at !== 'object' || at === null) return;
      for (;;) {
        const keys = Object.keys(at);
        const key = keys[(choices.next().value as number) % keys.length];
        field += Array.isArray(at) ? `[${key}]` : field === '' ? key : `.${key}`;
        const inner = at[key];
        if (typeof inner === 'object' && inner !== null) {
          at = inner as Record<string, unknown>;
          continue;
        }
        at[key] = 0.5;
        expect(changes(before, now)).toEqual([{ field, before: inner, now: 0.5 }]);
        return;
      }
    }),
  );
});
