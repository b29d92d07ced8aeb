// members/M/ of a run directory: what single members of an ensemble leave while the others still train. Once all are in
// posterior.safetensors of the run, these files are no longer needed, except TensorBoard's events.

import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Posterior } from '../../core/posterior.ts';
import { CheckpointError, ConfigError } from '../../errors.ts';
import { TEMPORARY_NAME } from '../../files/atomicFile.ts';
import { fileProblem } from '../../files/fileProblems.ts';
import { makeMissing } from '../../files/makeMissing.ts';
import { NewerFormatError } from '../../files/tensors/formatVersion.ts';
import { oneLine } from '../../messages.ts';
import { memberSeed } from '../../random/seed.ts';
import { CheckpointStore } from '../checkpoint/store.ts';
import { loadPosterior, savePosterior } from '../posterior/saved.ts';
import { EVENT_FILE } from '../tensorboard/eventLog.ts';

const MEMBERS = 'members';
const POSTERIOR = 'posterior.safetensors';

/** Directory of a member in that of its run. */
export function memberDirectory(dir: string, member: number): string {
  return join(dir, MEMBERS, String(member));
}

/** Path of a member that is trained to its end: members/2/posterior.safetensors. */
export function memberPath(dir: string, member: number): string {
  return join(memberDirectory(dir, member), POSTERIOR);
}

/** Makes members/M. @throws CheckpointError if it cannot be made */
export function makeMemberDirectory(dir: string, member: number): void {
  const path = memberDirectory(dir, member);
  try {
    makeMissing(path);
  } catch (cause) {
    throw fileProblem(CheckpointError, path, 'a directory that can be made', 'write', cause);
  }
}

/** Keeps a member that is trained to its end. @returns its posteriorDigest */
export function writeMember(dir: string, member: number, posterior: Posterior): string {
  makeMemberDirectory(dir, member);
  return savePosterior(memberPath(dir, member), posterior);
}

/**
 * Members that were trained to their end, by number. One whose file is damaged is left out, to be trained again.
 * @param seed of the run: a member of another one is refused
 * @param warn receives messages about damaged files
 * @throws CheckpointError if a file is of another run or of a later format
 */
export function readMembers(
  dir: string,
  members: number,
  seed: string,
  warn: (message: string) => void,
): Map<number, Posterior> {
  const done = new Map<number, Posterior>();
  for (let m = 0; m < members; m++) {
    const path = memberPath(dir, m);
    if (!existsSync(path)) continue;
    const posterior = undamaged(path, m, warn);
    if (posterior === null) continue;
    const wanted = memberSeed(seed, m);
    if (posterior.seed !== wanted) {
      throw new CheckpointError(
        oneLine(
          `${path}: expected a member of seed ${JSON.stringify(wanted)}, got ${JSON.stringify(posterior.seed)} — remove the file`,
        ),
      );
    }
    done.set(m, posterior);
  }
  return done;
}

function undamaged(path: string, member: number, warn: (message: string) => void): Posterior | null {
  try {
    return loadPosterior(path, { onWarning: warn });
  } catch (error) {
    if (!(error instanceof CheckpointError) || error instanceof NewerFormatError) throw error;
    warn(`${error.message}; training member ${member} again`);
    return null;
  }
}

/**
 * Removes the files of members and the directories they leave empty; what else lies there stays.
 * @param options.events take away TensorBoard's event files too, which tell of members that are done
 */
export function removeMembers(dir: string, { events = false } = {}): void {
  const all = join(dir, MEMBERS);
  if (!existsSync(all)) return;
  try {
    for (const member of readdirSync(all).filter((name) => /^\d+$/.test(name))) {
      const own = join(all, member);
      new CheckpointStore(own).clear();
      for (const name of readdirSync(own))
        if (TEMPORARY_NAME.test(name) || name === POSTERIOR || (events && EVENT_FILE.test(name)))
          rmSync(join(own, name), { force: true });
      if (readdirSync(own).length === 0) rmdirSync(own);
    }
    if (readdirSync(all).length === 0) rmdirSync(all);
  } catch (cause) {
    throw fileProblem(ConfigError, all, 'files that can be removed', 'write', cause);
  }
}
