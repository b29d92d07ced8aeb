// What follows from the table of kernels: their names, the types of their functions and of their arguments, and records with one entry
// for each.

import { type GemmStart, KERNELS, type Kind } from './kernels.ts';

export type KernelName = keyof typeof KERNELS;

/** Values of the names behind a kind: ['flag first'] → [0 | 1]. */
type Values<Groups extends readonly string[]> = Groups extends readonly [
  infer First extends string,
  ...infer Rest extends string[],
]
  ? First extends `${infer K} ${infer Names}`
    ? [...ValuePerName<Names, Value<K>>, ...Values<Rest>]
    : never
  : [];
type ValuePerName<Names extends string, V> = Names extends `${string} ${infer Rest}`
  ? [V, ...ValuePerName<Rest, V>]
  : [V];
type Value<K extends string> = K extends 'flag' ? 0 | 1 : K extends 'start' ? GemmStart : number;

/** The functions of the table. */
export type Kernels = {
  [K in KernelName]: (
    ...args: Values<(typeof KERNELS)[K]['args']>
  ) => (typeof KERNELS)[K]['result'] extends 'void' ? void : number;
};

/** Names of a kernel's arguments. */
export type ArgumentName<K extends KernelName> = Words<Behind<(typeof KERNELS)[K]['args'][number]>>;
type Behind<Group extends string> = Group extends `${Kind} ${infer Names}` ? Names : never;
type Words<Names extends string> = Names extends `${infer First} ${infer Rest}` ? First | Words<Rest> : Names;

/** The arguments of a kernel in order. */
export function argumentsOf(name: KernelName): Array<{ readonly name: string; readonly kind: Kind }> {
  return KERNELS[name].args.flatMap((group) => {
    const [kind, ...names] = group.split(' ');
    return names.map((argument) => ({ name: argument, kind: kind as Kind }));
  });
}

/** A record with a kernel made for each entry of the table. */
export function makeKernels(make: (name: KernelName) => unknown): Kernels {
  const names = Object.keys(KERNELS) as KernelName[];
  return Object.fromEntries(names.map((name) => [name, make(name)])) as unknown as Kernels;
}
