// Where models come from: run directories, directories of numbered runs, and posteriors of the program itself. Which versions there are, whether
// one has changed, and how it is read.

import { readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DEFAULT_DRAWS, MAX_DRAWS } from '../../core/limits.ts';
import type { AnyPosterior } from '../../core/posterior.ts';
import { CheckpointError } from '../../errors.ts';
import { openRun, RUN_FILES } from '../../experiment/run/directory.ts';
import { describeValue, mismatch } from '../../messages.ts';
import { checkOptions } from '../../options/check.ts';
import { count, list, section, text, unchecked } from '../../options/fields.ts';

/** All a server needs of one version of a model. */
export interface LoadedModel {
  readonly posterior: AnyPosterior;
  readonly featureNames: readonly string[] | null;
  readonly targetNames: readonly string[] | null;
  /** Draws of a request that names none. */
  readonly draws: number;
  /** Test metrics, where the run has them. */
  readonly test: Readonly<Record<string, number | null>> | null;
  readonly posteriorDigest: string | null;
}

export interface VersionSource {
  readonly version: string;
  /** Another text when what `load` reads has changed; null where nothing can be read. */
  fingerprint(): string | null;
  /** @throws CheckpointError or ConfigError */
  load(onWarning: (message: string) => void): LoadedModel;
}

export interface ModelSource {
  readonly name: string;
  /** The versions there are now. @throws CheckpointError when there are none */
  versions(): VersionSource[];
}

/** A posterior that the program serves from memory. */
export interface PosteriorSource {
  readonly name: string;
  /** A whole number as text; default 1. */
  readonly version?: string;
  readonly posterior: AnyPosterior;
  readonly featureNames?: readonly string[];
  readonly targetNames?: readonly string[];
  readonly draws?: number;
}

const NAME = /^[A-Za-z0-9][\w.-]{0,127}$/;
const VERSION = /^[1-9]\d{0,14}$/;

const NAME_EXPECTED = 'a name of letters, digits, dots, - and _';

const names = (description: string) => list(text('a name', ''), 'a list of names', description).optional();

const posteriorFields = section({
  name: text(NAME_EXPECTED, 'Name in URLs.').regex(NAME, { error: NAME_EXPECTED }),
  version: text('a whole number as text', 'Version.')
    .regex(VERSION, { error: 'a whole number as text' })
    .default('1'),
  posterior: unchecked<AnyPosterior>('A fitted posterior.'),
  featureNames: names('Names of the inputs.'),
  targetNames: names('Names of the targets.'),
  draws: count('Draws of a request that names none.', MAX_DRAWS).default(DEFAULT_DRAWS),
});

/** A source of what `varpool serve` is given: `DIRECTORY` or `NAME=DIRECTORY`. */
export function directorySource(given: string): ModelSource {
  const at = given.indexOf('=');
  const named = at > 0 && NAME.test(given.slice(0, at));
  const dir = named ? given.slice(at + 1) : given;
  const name = named ? given.slice(0, at) : basename(resolve(dir));
  if (!NAME.test(name)) {
    const got = describeValue(name);
    throw new CheckpointError(mismatch(`serve: ${dir}`, NAME_EXPECTED, got, 'write NAME=DIRECTORY'));
  }
  return {
    name,
    versions: () => {
      if (isRun(dir)) return [runVersion('1', dir)];
      const numbered = directories(dir).filter((entry) => VERSION.test(entry) && isRun(join(dir, entry)));
      // Where there are none, opening the directory as a run says what is missing.
      if (numbered.length === 0) return [runVersion('1', dir)];
      return numbered
        .sort((a, b) => Number(a) - Number(b))
        .map((entry) => runVersion(entry, join(dir, entry)));
    },
  };
}

/** @throws TypeError or RangeError that names the field */
export function posteriorSource(given: PosteriorSource, where: string): ModelSource {
  const { name, version, posterior, featureNames, targetNames, draws } = checkOptions(
    where,
    posteriorFields,
    given,
  );
  const load = () => ({
    posterior,
    featureNames: featureNames ?? null,
    targetNames: targetNames ?? null,
    draws,
    test: null,
    posteriorDigest: null,
  });
  return { name, versions: () => [{ version, fingerprint: () => '', load }] };
}

function runVersion(version: string, dir: string): VersionSource {
  return {
    version,
    fingerprint: () => {
      try {
        return (['manifest', 'posterior'] as const)
          .map((file) => {
            const { ino, size, mtimeMs } = statSync(join(dir, RUN_FILES[file]));
            return `${ino}:${size}:${mtimeMs}`;
          })
          .join(' ');
      } catch {
        return null; // Missing or not readable; `load` says which.
      }
    },
    load: (onWarning) => {
      const run = openRun(dir);
      const { manifest, config } = run;
      return {
        posterior: run.posterior(onWarning),
        featureNames: manifest.featureNames ?? null,
        targetNames: manifest.targetNames ?? null,
        draws: config.prediction.draws,
        test: manifest.test,
        posteriorDigest: manifest.posteriorDigest,
      };
    },
  };
}

function isRun(dir: string): boolean {
  return statSync(join(dir, RUN_FILES.manifest), { throwIfNoEntry: false })?.isFile() === true;
}

function directories(dir: string): string[] {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(dir);
}
