// Where a training starts from an earlier posterior: what must be alike.

import { checkPosterior } from '../core/arguments.ts';
import type { Model } from '../core/model.ts';
import type { Posterior } from '../core/posterior.ts';
import { createFamily, type FamilySpec } from '../core/posteriors/index.ts';
import { describeValue, mismatch } from '../messages.ts';

const WHERE = 'train: initial';

/** @throws TypeError or RangeError for what is no posterior of one network like this one */
export function readInitial(
  given: unknown,
  model: Model,
  likelihood: { readonly kind: string },
  family: FamilySpec | undefined,
): Posterior | null {
  if (given === undefined) return null;
  const initial = checkPosterior(WHERE, given);
  if ('members' in initial)
    throw new TypeError(mismatch(WHERE, 'one posterior', 'an ensemble', 'pass one of its members'));
  const wanted = networkText(model);
  const got = networkText(initial.model);
  if (got !== wanted)
    throw new RangeError(
      mismatch(WHERE, `a network of ${wanted}`, got, 'build the network it was trained with'),
    );
  const { kind } = initial.likelihood;
  if (kind !== likelihood.kind)
    throw new RangeError(
      mismatch(
        WHERE,
        `the likelihood ${likelihood.kind}`,
        describeValue(kind),
        'train with the same likelihood',
      ),
    );
  const names = ({ parameters }: ReturnType<typeof createFamily>) => parameters.join(' and ');
  const [mine, theirs] = [createFamily(family), createFamily(initial.family)].map(names);
  if (mine !== theirs)
    throw new RangeError(
      mismatch(WHERE, `a posterior with ${mine}`, `one with ${theirs}`, 'train the same family'),
    );
  return initial;
}

/** Sizes, kinds and activations of a network, in short. */
function networkText({ inputSize, outputSize, layers }: Model): string {
  const inside = layers.map(({ prior: _, ...layer }) =>
    Object.values(layer)
      .map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value)))
      .join(' '),
  );
  return `${inputSize} inputs, ${inside.join('; ')}, ${outputSize} outputs`;
}
