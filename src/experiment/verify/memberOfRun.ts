// One member of a run of an ensemble, trained alone and reported as the files of the run report it.

import type { Safetensors } from '../../files/tensors/safetensors.ts';
import type { Manifest, MemberOutcome } from '../manifest/manifest.ts';
import type { PreparedRun } from '../run/data.ts';
import type { EpochMetrics } from '../run/metricsLog.ts';

/** What the files of members leave to the file of the run. */
const OF_THE_FILE = ['format', 'formatVersion', 'varpool', 'sha256'];

/** The run that trains this member alone. */
export function memberAlone(prepared: PreparedRun, member: number): PreparedRun {
  const members = prepared.config.ensemble?.members ?? 1;
  return { ...prepared, config: { ...prepared.config, ensemble: { members, member } } };
}

/** The part of an ensemble's posterior.safetensors that is a member's. */
export function memberPart({ tensors, metadata }: Safetensors, member: number): Safetensors {
  const own = (name: string) => name.startsWith(prefix(member));
  return {
    tensors: tensors.filter(({ name }) => own(name)),
    metadata: Object.fromEntries(Object.entries(metadata).filter(([key]) => own(key))),
  };
}

/** The posterior.safetensors of a member alone as that part. */
export function asMemberPart({ tensors, metadata }: Safetensors, member: number): Safetensors {
  const kept = Object.entries(metadata).filter(([key]) => !OF_THE_FILE.includes(key));
  return {
    tensors: tensors.map((tensor) => ({ ...tensor, name: `${prefix(member)}${tensor.name}` })),
    metadata: Object.fromEntries(kept.map(([key, value]) => [`${prefix(member)}${key}`, value])),
  };
}

function prefix(member: number): string {
  return `members.${member}.`;
}

/** What the manifest of an ensemble says of a member that was trained alone. */
export function asMemberOutcome({ seed, posteriorDigest, test, selection }: Manifest): MemberOutcome {
  return { seed, posteriorDigest, test, selection };
}

/** The lines of a member trained alone as those of an ensemble. */
export function asMemberLines(lines: readonly EpochMetrics[], member: number): EpochMetrics[] {
  return lines.map((line) => ({ member, ...line }));
}
