// The bytes of posterior.safetensors of an ensemble: the tensors of one member after the other, each as in a file of its own with
// `members.M.` before its name. Functions here take and give a single posterior as well.

import { MAX_MEMBERS } from '../../core/limits.ts';
import type { AnyPosterior, Posterior } from '../../core/posterior.ts';

import { ensembleOf } from '../../core/posteriors/ensembleOf.ts';
import { membersOf } from '../../core/posteriors/mixture.ts';
import { CheckpointError } from '../../errors.ts';
import type { FileHost } from '../../files/fileHost.ts';
import { holdToChecksum, type LoadOptions, withChecksum } from '../../files/tensors/checksum.ts';
import { checkFormatVersion } from '../../files/tensors/formatVersion.ts';
import {
  dataSection,
  encodeSafetensors,
  type Safetensors,
  type Tensor,
} from '../../files/tensors/safetensors.ts';
import { describeValue, mismatch, oneLine } from '../../messages.ts';
import {
  checkFormat,
  decodePosterior,
  encodePosterior,
  formatVersionOf,
  POSTERIOR_FORMAT,
  posteriorRecord,
  posteriorTensors,
} from './posteriorFile.ts';

/** Later than that of a single posterior, so that readers which know no ensembles ask for a newer varpool. */
const ENSEMBLE_VERSION = 2;

/** Tensors and metadata of the file of a posterior or an ensemble; `where` starts the message of an error. @throws CheckpointError */
export function anyPosteriorRecord(posterior: AnyPosterior, where: string, host: FileHost): Safetensors {
  if (!('members' in posterior)) return posteriorRecord(posterior, where, host);
  const { members } = ensembleOf(posterior.members);
  const tensors: Tensor[] = [];
  const metadata: Record<string, string> = {
    format: POSTERIOR_FORMAT,
    formatVersion: String(ENSEMBLE_VERSION),
    varpool: host.version(),
    members: String(members.length),
  };
  for (const [m, member] of members.entries()) {
    const file = encodePosterior(member, `${where}: members.${m}`);
    tensors.push(...file.tensors.map((tensor) => ({ ...tensor, name: `members.${m}.${tensor.name}` })));
    for (const [key, value] of Object.entries(file.metadata)) metadata[`members.${m}.${key}`] = value;
  }
  return { tensors, metadata: withChecksum(metadata, tensors, host) };
}

/** The whole file of a posterior or an ensemble. @throws CheckpointError, starting with `where` */
export function encodeAnyPosterior(posterior: AnyPosterior, where: string, host: FileHost): Uint8Array[] {
  const { tensors, metadata } = anyPosteriorRecord(posterior, where, host);
  return encodeSafetensors(tensors, metadata);
}

/** SHA-256, in hex, of the data section of the file it is saved as: of an ensemble, the bytes of its members in their order. */
export function digestOf(posterior: AnyPosterior, { sha256 }: FileHost): string {
  return sha256(dataSection(membersOf(posterior).flatMap(posteriorTensors)));
}

/** The posterior or ensemble in a file that was read; `where` starts the message of an error. @throws CheckpointError */
export function decodeAnyPosterior(
  file: Safetensors,
  where: string,
  host: FileHost,
  options: LoadOptions = {},
): AnyPosterior {
  const isEnsemble = Object.hasOwn(file.metadata, 'members');
  const posterior = isEnsemble ? decodeEnsemble(file, where) : decodePosterior(file, where);
  holdToChecksum(file, where, host, options);
  return posterior;
}

function decodeEnsemble({ metadata, tensors }: Safetensors, where: string): AnyPosterior {
  checkFormat(metadata, where);
  checkFormatVersion(metadata, ENSEMBLE_VERSION, where);
  const M = Number(metadata.members);
  if (!Number.isInteger(M) || M < 1 || M > MAX_MEMBERS) {
    fail(`${where}: metadata: members`, 'a count', describeValue(metadata.members), 'the file is damaged');
  }
  checkOrder(tensors, M, where);
  const members = Array.from({ length: M }, (_, m) => {
    const prefix = `members.${m}.`;
    const fields = Object.entries(metadata).filter(([key]) => key.startsWith(prefix));
    const own = tensors.filter(({ name }) => name.startsWith(prefix));
    const unprefixed = (name: string) => name.slice(prefix.length);
    const said = Object.fromEntries(fields.map(([key, value]) => [unprefixed(key), value]));
    const single = { format: POSTERIOR_FORMAT, formatVersion: String(formatVersionOf(said)) };
    return decodePosterior(
      {
        metadata: { ...said, ...single },
        tensors: own.map((tensor) => ({ ...tensor, name: unprefixed(tensor.name) })),
      },
      `${where}: members.${m}`,
    );
  });
  return together(members, where);
}

/** The digest is over the bytes of the members in their order. */
function checkOrder(tensors: readonly Tensor[], M: number, where: string): void {
  let last = 0;
  for (const { name } of tensors) {
    const m = Number(/^members\.(0|[1-9]\d*)\./.exec(name)?.[1] ?? Number.NaN);
    if (!(m >= last && m < M)) {
      const got = m < last ? `${describeValue(name)} out of order` : `an extra tensor ${describeValue(name)}`;
      const next = 'the file is damaged or of another model';
      fail(where, `tensors of ${M} members in their order`, got, next);
    }
    last = m;
  }
}

function together(members: readonly Posterior[], where: string): AnyPosterior {
  try {
    return ensembleOf(members);
  } catch (cause) {
    throw new CheckpointError(oneLine(`${where}: ${(cause as Error).message}`), { cause });
  }
}

function fail(where: string, expected: string, got: string, next: string): never {
  throw new CheckpointError(mismatch(where, expected, got, next));
}
