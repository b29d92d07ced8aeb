// Whether a file that would be written is one that is read, whatever names lead to it: relative, through symbolic links, as a hard link.

import { readdirSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { ConfigError } from '../errors.ts';
import { oneLine } from '../messages.ts';
import { realPath } from './realPath.ts';

export interface Writing {
  /** Files that would be made or replaced; they need not be there yet. */
  readonly files: readonly string[];
  /** Directories whose whole content may be replaced. */
  readonly trees?: readonly string[];
}

/**
 * Refuses to write onto what is read.
 * @param where what names the place to write to: `--out`
 * @param reads files, or directories of IDX files; what is not there is passed over
 * @throws ConfigError naming both
 */
export function refuseOverwriting(
  where: string,
  { files, trees = [] }: Writing,
  reads: readonly string[],
): void {
  const written = new Map<string, string>();
  for (const file of files) for (const key of identities(file)) written.set(key, file);
  const roots = trees.map((tree) => ({ tree, root: `${realPath(tree)}${sep}` }));
  for (const read of reads.flatMap(filesOf)) {
    const hit =
      identities(read)
        .map((key) => written.get(key))
        .find((file) => file !== undefined) ??
      roots.find(({ root }) => realPath(read).startsWith(root))?.tree;
    if (hit === undefined) continue;
    const got = hit === read ? `${hit}, which is read` : `${hit}, where ${read} is that is read`;
    throw new ConfigError(
      oneLine(`${where}: expected a place that holds no file the command reads, got ${got} — choose another`),
    );
  }
}

/** Equal for two paths that lead to the same file. */
function identities(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  // Some file systems have no numbers of files.
  const byNumber = stat === undefined || stat.ino === 0n ? [] : [`${stat.dev}:${stat.ino}`];
  return [realPath(path), ...byNumber];
}

function filesOf(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return [path];
  // Of a directory no others are read, and what an earlier command wrote there may be written again.
  const names = readdirSync(path).filter((name) => /idx\d-ubyte/.test(name));
  return names.map((name) => join(path, name));
}
