// A run whose data lies elsewhere than its config says: which of the files given is which of the run's. Whether they are the same
// files is for their hashes to say (repeatable.ts).

import { existsSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { ConfigError } from '../../errors.ts';
import { describeValue, listed, mismatch } from '../../messages.ts';
import { withDataAt } from '../config/config.ts';
import type { Run } from './directory.ts';

/**
 * The run with its data at `places`: files of the names it knows (or, where one file is missing, of any name), or directories with
 * them. What is not given stays where it is.
 * @throws ConfigError for a place that is not there or holds nothing of the run
 */
export function relocated(run: Run, places: readonly string[] = []): Run {
  if (places.length === 0) return run;
  const { directory, writtenPaths } = run.config;
  const names = Object.keys(writtenPaths);
  const found: Record<string, string> = {};
  for (const place of places) {
    const stat = statSync(place, { throwIfNoEntry: false });
    if (stat === undefined)
      refuse(`--data ${place}`, 'a file or a directory', 'nothing there', 'check the path');
    const held = names.flatMap((name): [string, string][] => {
      const at = stat.isDirectory() ? within(place, writtenPaths[name]) : sameName(place, writtenPaths[name]);
      return at === null ? [] : [[name, at]];
    });
    if (held.length === 0) held.push([onlyMissing(run, place, found, stat.isDirectory()), place]);
    for (const [name, at] of held) found[name] = resolve(at);
  }
  return { ...run, config: withDataAt(run.config, found) };

  /** The one path of the config that leads nowhere: a file of another name can only be that. */
  function onlyMissing({ dir }: Run, place: string, placed: object, isDirectory: boolean): string {
    const missing = names.filter(
      (name) =>
        !(name in placed) && (names.length === 1 || !existsSync(resolve(directory, writtenPaths[name]))),
    );
    // A directory stands for a directory: that of IDX files.
    if (missing.length === 1 && isDirectory === (missing[0] === 'dir')) return missing[0];
    if (names.length === 0)
      refuse('--data', `none, for ${dir} was trained on made rows`, describeValue(place), 'leave it out');
    const known = listed([...new Set(Object.values(writtenPaths).map((path) => basename(path)))]);
    const expected = isDirectory ? `a directory with ${known}` : known;
    return refuse(`--data ${place}`, expected, 'none of them', `name where the data of ${dir} is`);
  }
}

/** Where a directory holds a path of the config: as much of its end as is there. */
function within(directory: string, written: string): string | null {
  const parts = written.split(/[\\/]/).filter((part) => part !== '' && part !== '.' && part !== '..');
  for (let first = 0; first < parts.length; first++) {
    const at = join(directory, ...parts.slice(first));
    if (existsSync(at)) return at;
  }
  return null;
}

function sameName(file: string, written: string): string | null {
  return basename(file) === basename(written) ? file : null;
}

function refuse(where: string, expected: string, got: string, next: string): never {
  throw new ConfigError(mismatch(where, expected, got, next));
}
