// How the rows of a run were divided, as its manifest tells it: by what, and a hash of the very row numbers of each part.

import * as z from 'zod';
import type { LoadedData } from '../../data/load.ts';
import { type PartRows, rowsSha256 } from '../../data/partRows.ts';
import { seedText } from '../../random/seed.ts';
import type { ResolvedConfig } from '../config/config.ts';
import { hash, size, text } from './fields.ts';

const part = z.object(
  {
    /** The table whose rows are counted. */
    of: text,
    rows: size,
    /** Of the row numbers from 0, in the order of the part, as little-endian int32. */
    sha256: hash,
  },
  { error: 'of, rows and sha256' },
);
const number = z.number({ error: 'a number' });

export const splitSchema = z.looseObject(
  {
    /** Seed of the rows drawn at random; null where none were. */
    seed: text.nullable(),
    testFraction: number.optional(),
    validation: number.optional(),
    limit: size.optional(),
    /** Files with the row numbers of a part, by their key in the config. */
    indexFiles: z
      .record(z.string(), z.object({ path: text, sha256: hash }, { error: 'path and sha256' }), {
        error: 'a map of files',
      })
      .optional(),
    parts: z.object(
      { train: part, validation: part.nullable(), test: part.nullable() },
      { error: 'train, validation and test' },
    ),
  },
  { error: 'a map' },
);
export type SplitRecord = z.output<typeof splitSchema>;
type PartRecord = z.output<typeof part>;

/** The record of the rows that `config` made of its data. */
export function splitRecord({ data, seed, writtenPaths }: ResolvedConfig, loaded: LoadedData): SplitRecord {
  const { train, validation, test } = loaded.rows;
  const fraction = 'testFraction' in data ? data.testFraction : undefined;
  const ordered = 'order' in data && data.order !== undefined;
  const drawn = !ordered && (fraction !== undefined || validation !== null);
  const indexFiles = Object.fromEntries(
    (['testIndices', 'trainIndices'] as const).flatMap((key) => {
      const file = loaded.provenance.find(({ path }) => path === writtenPaths[key]);
      return file === undefined ? [] : [[key, { path: file.path, sha256: file.sha256 }]];
    }),
  );
  return {
    seed: drawn ? seedText(seed) : null,
    ...(fraction === undefined ? {} : { testFraction: fraction }),
    ...(data.validation === undefined ? {} : { validation: data.validation }),
    ...(data.limit === undefined ? {} : { limit: data.limit }),
    ...(Object.keys(indexFiles).length === 0 ? {} : { indexFiles }),
    parts: {
      train: record(train),
      validation: validation && record(validation),
      test: test && record(test),
    },
  };
}

function record({ of, indices }: PartRows): PartRecord {
  return { of, rows: indices.length, sha256: rowsSha256(indices) };
}
