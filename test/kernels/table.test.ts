// The C files against the table of kernels: every function with the arguments of the table in their order, and every list of
// constants that C repeats.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  ACTIVATIONS,
  argumentsOf,
  GemmStart,
  KERNELS,
  type KernelName,
  UPDATE_SCALARS,
} from '../../src/backend/backend.ts';

const FOLDER = new URL('../../kernels/', import.meta.url);
const sources = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.c'))
  .map((name) => readFileSync(new URL(name, FOLDER), 'utf8'))
  .join('\n');

const C_TYPES = {
  address: 'ptr',
  size: 'uint32_t',
  word: 'uint32_t',
  flag: 'uint32_t',
  start: 'uint32_t',
  step: 'uint32_t',
  cursor: 'ptr',
  f32: 'float',
} as const;

/** `result name(type name, …)` of every kernel in C, without white space that means nothing. */
const inC = [...sources.matchAll(/^(\w+) KERNEL\((\w+)\)\(BASE([^)]*)\) \{/gm)].map(
  ([, result, name, parameters]) => `${result} ${name}(${parameters.replace(/\s+/g, ' ').trim()})`,
);

test('C defines the functions of the table, with its arguments in its order', () => {
  const names = Object.keys(KERNELS) as KernelName[];
  const inTable = names.map((name) => {
    const parameters = argumentsOf(name).map((argument) => `${C_TYPES[argument.kind]} ${argument.name}`);
    const result = { void: 'void', u32: 'uint32_t' }[KERNELS[name].result];
    return `${result} ${name}(${parameters.join(', ')})`;
  });
  expect(inC.sort()).toEqual(inTable.sort());
  // None that the pattern above does not see.
  expect(inC.length).toBe(sources.match(/\bKERNEL\(/g)!.length);
});

test('the build reads the table as it is: names in their order, types of arguments, results', async () => {
  // A module of the build, without types.
  const module = '../../kernels/calls.mjs';
  const { readTable } = await import(module);
  const text = readFileSync(new URL('../src/backend/kernels.ts', FOLDER), 'utf8');
  const names = Object.keys(KERNELS) as KernelName[];
  const declared = names.map((name) => ({
    name,
    result: KERNELS[name].result,
    types: argumentsOf(name).map(({ kind }) => C_TYPES[kind]),
  }));
  expect(readTable(text)).toEqual(declared);
});

/** The names of an anonymous enum whose first is given, in C's numbering: 0, 1, …. */
function enumOf(first: string): string[] {
  const found = sources.match(new RegExp(`enum \\{ (${first}, [A-Z0-9_, ]+) \\};`));
  return found === null ? [] : found[1].split(', ');
}
const constant = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

test('C numbers activations, starts and the scalars of an update as the table does', () => {
  const starts = Object.entries(GemmStart).map(([name, value]) => `${constant(name)} = ${value}`);
  expect(sources).toContain(`enum { ${starts.join(', ')} };`);
  expect(enumOf('IDENTITY')).toEqual(ACTIVATIONS.map(constant));
  expect(enumOf('KL_SCALE')).toEqual(Object.keys(UPDATE_SCALARS).map(constant));
  expect(Object.values(UPDATE_SCALARS)).toEqual(Object.keys(UPDATE_SCALARS).map((_, i) => i));
});
