// The words of messages, whatever stands in them.

import { expect, test } from 'vitest';
import { mismatch } from '../src/messages.ts';

test('a mismatch is one line in one form, whatever a path or a value holds', () => {
  expect(mismatch('runs/a', 'a file', 'a folder', 'name the file')).toBe(
    'runs/a: expected a file, got a folder — name the file',
  );
  expect(mismatch('a\nb', 'a\u2028file', '\u001b[31mred\u0007', 'x\r\ny')).toBe(
    'a b: expected a file, got  [31mred  — x y',
  );
});
