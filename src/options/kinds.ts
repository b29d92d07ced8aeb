// A registry of a kind of method (optimizers, likelihoods …) as one field: `{ kind: <name>, …options }`, or the plain name of a member
// that needs no options. Members say their options as a function of the fields, so that no worker has to load zod.

import * as z from 'zod';
import { listed, nearest } from '../messages.ts';
import * as fields from './fields.ts';

/** The fields a member says its options with. */
export type Fields = typeof fields;

/** A method of some kind, as far as its options go. */
export interface Member {
  readonly options: (fields: Fields) => z.ZodRawShape;
}

/** A member that has no options. */
export interface Bare {
  readonly options: () => Record<never, never>;
}

/** Members by the names users call them. */
export type Registry = Readonly<Record<string, Member>>;

/** Names of the options that members of a registry have. */
export function optionNames(registry: Registry): string[] {
  return [...new Set(Object.values(registry).flatMap(({ options }) => Object.keys(options(fields))))];
}

type Section<Kind extends string, M extends Member> = z.ZodObject<
  { kind: z.ZodLiteral<Kind> } & ReturnType<M['options']>,
  z.core.$strict
>;
type Names<R extends Registry> = keyof R & string;

/** What a program may write for a member with its options: those with a default may be left out. */
export type Spec<R extends Registry> = { [K in Names<R>]: z.input<Section<K, R[K]>> }[Names<R>];

/** A member with every option filled in. */
export type Settings<R extends Registry> = { [K in Names<R>]: z.output<Section<K, R[K]>> }[Names<R>];

/** Names that may stand alone, because every option has a default. */
export type BareName<R extends Registry> = {
  [K in Names<R>]: { kind: K } extends z.input<Section<K, R[K]>> ? K : never;
}[Names<R>];

/** The field that takes a member of `registry`, by its name or with its options; gives the member with every option filled in. */
export function oneOfKind<R extends Registry>(
  registry: R,
  description: string,
): z.ZodType<Settings<R>, Spec<R> | BareName<R>> {
  const names = Object.keys(registry);
  const sections = names.map((kind) =>
    fields.section({ kind: z.literal(kind), ...registry[kind].options(fields) }),
  );
  const [first, ...rest] = sections;
  const full = z.discriminatedUnion('kind', [first, ...rest], {
    error: ({ input }) => fields.oneOfMessage((input as { kind?: unknown })?.kind, names),
  });
  const bare = names.filter((_, i) => missing(sections[i], names[i]).length === 0);
  const field = z.union([z.enum(bare).transform((kind) => full.parse({ kind })), full], {
    error: ({ input }) => {
      const expected = `${listed(names)}, by name or as a map with kind and options`;
      const near = typeof input === 'string' ? (names.includes(input) ? input : nearest(input, names)) : null;
      if (near === null) return expected;
      if (bare.includes(near)) return `${expected} — did you mean ${near}?`;
      const needed = missing(sections[names.indexOf(near)], near).map((option) => `, ${option}: …`);
      return `${expected} — write { kind: ${near}${needed.join('')} }`;
    },
  });
  return field.describe(description) as unknown as z.ZodType<Settings<R>, Spec<R> | BareName<R>>;
}

/** Options of a member that have no default. */
function missing(section: z.ZodType, kind: string): string[] {
  const { error } = section.safeParse({ kind });
  return error === undefined ? [] : error.issues.map(({ path }) => String(path[0]));
}

/** The plain name where nothing else is said, as a member without options is written down; else the settings as they are. */
export function shortest<S extends { readonly kind: string }>(spec: S): Written<S> {
  const said = Object.values(spec).filter((value) => value !== undefined);
  return (said.length === 1 ? spec.kind : spec) as Written<S>;
}

/** By name where there may be no other option, with options where there may be some. */
export type Written<S extends { readonly kind: string }> = S extends { readonly kind: string }
  ? ({ kind: S['kind'] } extends S ? S['kind'] : never) | (Exclude<keyof S, 'kind'> extends never ? never : S)
  : never;
