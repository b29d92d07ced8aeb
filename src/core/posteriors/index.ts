// The posterior families there are, by the names users call them.

import type { BareName, Settings, Spec } from '../../options/kinds.ts';
import { dropout, dropoutOptions } from './dropout.ts';
import { meanField } from './meanField.ts';
import { point } from './point.ts';
import type { ParameterName, PosteriorFamily } from './posteriorFamily.ts';
import { swag, swagOptions } from './swag.ts';

export const POSTERIORS = {
  dropout: { options: dropoutOptions, create: dropout },
  meanField: { options: () => ({}), create: meanField },
  point: { options: () => ({}), create: point },
  swag: { options: swagOptions, create: swag },
} as const;

/** A family with every option filled in. */
export type FamilySpec = Settings<typeof POSTERIORS>;

/** As a caller may write it: by name, or with the options that are not the default. */
export type FamilyInput = Spec<typeof POSTERIORS> | BareName<typeof POSTERIORS>;

const DEFAULT_FAMILY = 'meanField';

/** The family of a spec; mean field where there is none, as in files of earlier versions. */
export function createFamily(spec: FamilySpec | undefined): PosteriorFamily {
  const { create } = POSTERIORS[spec?.kind ?? DEFAULT_FAMILY];
  return (create as (options: FamilySpec | undefined) => PosteriorFamily)(spec);
}

/** Left out where it is the default: states and files that were saved when there was one family only know of none. */
export function familyField(spec: FamilySpec | undefined): { readonly family?: FamilySpec } {
  return spec === undefined || spec.kind === DEFAULT_FAMILY ? {} : { family: spec };
}

/** The parameters that steps of a training change: mu alone where weights have no sigma to learn. */
export function trainedParameters(spec: FamilySpec | undefined): readonly ParameterName[] {
  const { means, parameters } = createFamily(spec);
  return means === null ? parameters : ['mu'];
}
