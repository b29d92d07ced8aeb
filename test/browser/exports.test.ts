// The two entries of the package offer the same names, but for what only one host has.

import { expect, test } from 'vitest';
import * as browser from '../../src/browser.ts';
import * as node from '../../src/index.ts';

test('a browser has the names of Node, except for tables, and two for files of its own', () => {
  const only = (entry: object, other: object) => Object.keys(entry).filter((name) => !(name in other));
  expect(only(node, browser).sort()).toEqual(['readRows', 'readTable', 'split']);
  expect(only(browser, node).sort()).toEqual(['checkpointStore', 'posteriorBytes']);
});
