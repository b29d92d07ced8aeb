// Makes one mixture of several posteriors, if these answer the same question.

import type { TableColumns } from '../../columns/tableColumns.ts';
import { describeValue } from '../../messages.ts';
import { readable } from '../../options/readable.ts';
import { checkPosterior } from '../arguments.ts';
import { createLikelihood } from '../likelihoods/index.ts';
import type { LikelihoodSpec } from '../model.ts';
import type { AnyPosterior, Ensemble, Posterior } from '../posterior.ts';
import { membersOf } from './mixture.ts';

/**
 * An equal mixture of posteriors, in their order; an ensemble among them counts as its members. Standardization, noise scale, hidden
 * layers and seeds may differ, for every member predicts in the data's own units.
 * @throws TypeError for none, RangeError for members that do not answer the same question; both name the member
 */
export function ensembleOf(posteriors: readonly AnyPosterior[]): Ensemble {
  const members = readable('ensembleOf', () => {
    if (!Array.isArray(posteriors) || posteriors.length === 0) {
      const got = describeValue(posteriors);
      throw new TypeError(
        `ensembleOf: expected a list of at least one posterior, got ${got} — pass fitted ones`,
      );
    }
    // Array.from visits the holes of a sparse list too.
    return Array.from(posteriors, (posterior, p) =>
      membersOf(checkPosterior(`ensembleOf: posteriors[${p}]`, posterior)),
    ).flat();
  });
  const [first] = members;
  for (const [m, member] of members.entries()) checkSame(first, member, m);
  const columns = members.find((member) => member.columns !== undefined)?.columns;
  for (const [m, member] of members.entries()) checkColumns(columns, member, m);
  const { inputSize, outputSize } = first.model;
  return {
    model: { inputSize, outputSize },
    likelihood: first.likelihood,
    classNames: first.classNames,
    members,
    ...(columns === undefined ? {} : { columns }),
  };
}

/** A likelihood but for its fixed scale, in words: that of members is in units of their own, the shape of their noise must be one. */
export function likelihoodShape(likelihood: LikelihoodSpec): string {
  const { kind, ...rest } = likelihood;
  const { scaleOption } = createLikelihood(likelihood);
  const shape = Object.entries(rest).filter(([name]) => name !== scaleOption);
  const options = shape.map(([name, value]) => ` ${name} ${value}`);
  return kind + options.sort().join('');
}

function checkSame(first: Posterior, member: Posterior, m: number): void {
  const differ = (what: string, expected: string, got: string, next: string) => {
    throw new RangeError(
      `ensembleOf: expected ${what} ${expected} as in member 0, got ${got} in member ${m} — ${next}`,
    );
  };
  for (const size of ['inputSize', 'outputSize'] as const) {
    const [expected, got] = [first.model[size], member.model[size]];
    if (expected !== got)
      differ(size, `${expected}`, `${got}`, 'bring together what was fitted to the same data');
  }
  const [shape, other] = [likelihoodShape(first.likelihood), likelihoodShape(member.likelihood)];
  if (shape !== other) differ('likelihood', shape, other, 'bring together members of one likelihood');
  const [names, others] = [first.classNames, member.classNames];
  if (names?.length !== others?.length || names?.some((name, k) => name !== others?.[k])) {
    differ('classNames', listed(names), listed(others), 'name the classes alike and in one order');
  }
}

/** Members take the same features: those that know their columns know the same of them. */
function checkColumns(columns: TableColumns | undefined, member: Posterior, m: number): void {
  if (columns === undefined || member.columns === undefined) return;
  const features = (of: TableColumns) => JSON.stringify([of.markers, of.features]);
  if (features(columns) === features(member.columns)) return;
  throw new RangeError(
    `ensembleOf: expected columns as in the members before, got others in member ${m} — train all members on the same rows`,
  );
}

function listed(names: readonly string[] | null): string {
  if (names === null) return 'none';
  const shown = names.slice(0, 4).map((name) => JSON.stringify(name.slice(0, 20)));
  return `[${shown.join(', ')}${names.length > 4 ? ', …' : ''}]`;
}
