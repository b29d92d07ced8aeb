// Where what a run saved and what training it again gave are not the same, to the bit: file by file, the first place of each.

import { contentHash } from '../../files/tensors/checksum.ts';
import type { Safetensors, Tensor } from '../../files/tensors/safetensors.ts';
import { type Change, changes } from '../../files/text/jsonChanges.ts';
import { describeValue } from '../../messages.ts';
import { isOfOneTarget } from '../../scheduler/prediction/targetMetrics.ts';
import { nodeFileHost } from '../fileHost.ts';
import type { Manifest, MemberOutcome } from '../manifest/manifest.ts';
import { RUN_FILES, type RunFile } from '../run/directory.ts';
import type { EpochMetrics } from '../run/metricsLog.ts';

/** The first place of a file that differs. */
export interface Difference {
  readonly file: (typeof RUN_FILES)[RunFile];
  /** A tensor's name, or the path of a field: `layers.0.weight.mu`, `test.nll`, `line 4: elbo`. */
  readonly place: string;
  /** For a tensor: number of the element, row-major, and its coordinates. */
  readonly index: number | null;
  readonly position: readonly number[] | null;
  /** What the file says and what was found now, for people; of a float32, the shortest decimal and the bits in hex. */
  readonly saved: string;
  readonly recomputed: string;
  /** Numbers (or fields) of the file that differ. */
  readonly count: number;
}
type Place = Omit<Difference, 'file'>;

/** `layers.0.weight.mu[3, 5]` */
export function placeOf({ place, position }: Difference): string {
  return position === null ? place : `${place}[${position.join(', ')}]`;
}

/** Whether the saved file lacks a field, as files of earlier versions do; a field that was removed shows in the file's checksum. */
const isMissing = ({ before }: Change): boolean => before === undefined;

/** Kinds of metrics that earlier versions did not measure. */
const LATER_METRICS: readonly ((name: string) => boolean)[] = [
  (name) => name === 'nllMonteCarloError',
  isOfOneTarget,
];

type Metrics = Readonly<Record<string, unknown>>;

/** Metrics without the kinds that the version which saved the others did not measure yet. */
function measuredThen(saved: Metrics | null | undefined, now: Metrics | null | undefined) {
  if (!now) return now;
  const then = Object.keys(saved ?? {});
  const later = LATER_METRICS.filter((isOfKind) => !then.some(isOfKind));
  return Object.fromEntries(
    Object.entries(now).filter(([name]) => !later.some((isOfKind) => isOfKind(name))),
  );
}

/** Of two files of tensors: tensors first, in their order and compared by their bits, then what stands beside them. */
export function posteriorDifference(saved: Safetensors, now: Safetensors): Difference | null {
  const found: Place[] = [];
  for (let i = 0; i < Math.max(now.tensors.length, saved.tensors.length); i++) {
    const one = tensorDifference(saved.tensors[i], now.tensors[i]);
    if (one !== null) found.push(one);
  }
  // The version that wrote a file is no part of the result, nor is the checksum over it.
  const content = ({ varpool: _, sha256: __, ...rest }: Safetensors['metadata']) => rest;
  for (const { field: key, before, now: value } of changes(
    content(saved.metadata),
    content(now.metadata),
    isMissing,
  ))
    found.push(field(`metadata: ${key}`, before, value));
  const { sha256, ...covered } = saved.metadata;
  const hash = contentHash(covered, saved.tensors, nodeFileHost);
  // Damage elsewhere changes the checksum too, and is counted once.
  if (found.length === 0 && sha256 !== undefined && sha256 !== hash)
    found.push(field('metadata: sha256', sha256, hash));
  return firstOf('posterior', found);
}

function tensorDifference(saved: Tensor | undefined, now: Tensor | undefined): Place | null {
  const name = now?.name ?? saved?.name ?? '';
  const tell = (tensor: Tensor | undefined) =>
    tensor === undefined ? 'no such tensor' : `${tensor.name} ${tensor.dtype} [${tensor.shape.join(', ')}]`;
  if (saved === undefined || now === undefined || tell(saved) !== tell(now))
    return { ...NOWHERE, place: name, saved: tell(saved), recomputed: tell(now) };
  const [a, b] = [bytesOf(saved), bytesOf(now)];
  if (a.equals(b)) return null;
  const size = saved.data.BYTES_PER_ELEMENT;
  const at = (bytes: Buffer, i: number) => bytes.subarray(size * i, size * (i + 1));
  let first = -1;
  let count = 0;
  for (let i = 0; i < saved.data.length; i++) {
    if (at(a, i).equals(at(b, i))) continue;
    if (first < 0) first = i;
    count++;
  }
  const shown = (tensor: Tensor, bytes: Buffer) => element(tensor.data[first], at(bytes, first));
  return {
    place: name,
    index: first,
    position: positionOf(first, now.shape),
    saved: shown(saved, a),
    recomputed: shown(now, b),
    count,
  };
}

/** Compared as bytes: 0 and −0 differ, a NaN equals itself. */
function bytesOf({ data }: Tensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

function positionOf(index: number, shape: readonly number[]): number[] {
  const position: number[] = [];
  let rest = index;
  for (const size of [...shape].reverse()) {
    position.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return position;
}

/** A number with its bits in hex; a float32 in nine digits, which tell any two apart. */
function element(value: number | bigint, bytes: Buffer): string {
  const bits = `0x${Buffer.from(bytes).reverse().toString('hex')}`;
  if (typeof value === 'bigint') return `${value} (${bits})`;
  const short = bytes.length === 4 ? Number(value.toPrecision(9)) : value;
  return `${Object.is(value, -0) ? '-0' : short} (${bits})`;
}

/** What a manifest says of the result, whenever and wherever it was made. */
const RESULTS = ['posteriorDigest', 'test', 'members', 'selection', 'steps', 'epochs'] as const;

/** Of two manifests: their results, numbers to the bit. What the saved one is too old to tell is passed over. */
export function manifestDifference(saved: Manifest, now: Manifest): Difference | null {
  const value = (manifest: Manifest, key: string) => (manifest as Record<string, unknown>)[key];
  const told = RESULTS.filter((key) => value(saved, key) !== undefined);
  const results = (manifest: Manifest) => Object.fromEntries(told.map((key) => [key, value(manifest, key)]));
  const members = now.members?.map((member, m) => ({
    ...member,
    test: measuredThen(saved.members?.[m]?.test, member.test),
  }));
  const then = { ...now, members, test: measuredThen(saved.test, now.test) } as Manifest;
  return firstOf(
    'manifest',
    changes(results(saved), results(then)).map((change) => field(change.field, change.before, change.now)),
  );
}

/** Of one member in two manifests; what the saved one is too old to tell is passed over. */
export function memberDifference(
  saved: MemberOutcome,
  now: MemberOutcome,
  member: number,
): Difference | null {
  const told = Object.entries({
    ...now,
    test: measuredThen(saved.test, now.test),
  }).filter(([key]) => Object.hasOwn(saved, key));
  const was = Object.fromEntries(told.map(([key]) => [key, (saved as Record<string, unknown>)[key]]));
  return firstOf(
    'manifest',
    changes(was, Object.fromEntries(told), undefined, `members[${member}]`).map((change) =>
      field(change.field, change.before, change.now),
    ),
  );
}

/** What a line of metrics.jsonl says that every repetition must say again; when, and how fast, is no result. */
function repeated({ step, elbo, nll, kl, validation = {}, best, stopped }: EpochMetrics) {
  return { step, elbo, nll, kl, validation, best, stopped };
}

/**
 * Of two lists of lines: epoch by epoch of each member. An epoch with several lines counts with its last.
 * @param member whose lines alone are compared; undefined for all
 */
export function epochsDifference(
  saved: readonly EpochMetrics[],
  now: readonly EpochMetrics[],
  member?: number,
): Difference | null {
  const name = ({ member, epoch }: EpochMetrics) =>
    member === undefined ? `epoch ${epoch}` : `member ${member}, epoch ${epoch}`;
  const lines = new Map(
    [...saved.entries()]
      .filter(([, line]) => member === undefined || line.member === member)
      .map(([i, line]) => [name(line), { line, number: i + 1 }]),
  );
  const found: Place[] = [];
  for (const line of now) {
    const there = lines.get(name(line));
    lines.delete(name(line));
    if (there === undefined) {
      found.push(field(name(line), undefined, 'a line'));
      continue;
    }
    const was = repeated(there.line);
    const is = repeated(line);
    const validation = measuredThen(was.validation, is.validation);
    for (const { field: key, before, now: value } of changes(was, { ...is, validation }))
      found.push(field(`line ${there.number}: ${key}`, before, value));
  }
  for (const { number } of lines.values()) found.push(field(`line ${number}`, 'a line', undefined));
  return firstOf('metrics', found);
}

const NOWHERE = { index: null, position: null, count: 1 } as const;

/** A difference of one field, which has no index. */
function field(place: string, saved: unknown, recomputed: unknown): Place {
  return { ...NOWHERE, place, saved: show(saved), recomputed: show(recomputed) };
}

/** A digest whole, what is longer cut short. */
function show(value: unknown): string {
  return typeof value === 'string' && value.length <= 64 ? value : describeValue(value);
}

function firstOf(file: RunFile, found: readonly Place[]): Difference | null {
  if (found.length === 0) return null;
  return { file: RUN_FILES[file], ...found[0], count: found.reduce((sum, { count }) => sum + count, 0) };
}
