// The messages of an event file in protobuf's encoding: the few fields that are needed of tensorboard/compat/proto/event.proto
// and summary.proto, under their field numbers.

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** A named value of a step. */
export type SummaryValue =
  | { readonly tag: string; readonly scalar: number }
  | { readonly tag: string; readonly histogram: Histogram };

/** Counts of neighboring intervals: interval i ends at limits[i] and starts where the one before it ends, the first at `start`. */
export interface Histogram {
  readonly start: number;
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

export interface EventHead {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
}

/** The first event of every file. */
export function fileVersionEvent(wallTime: number): Uint8Array {
  return event({ wallTime, step: 0 }, (out) => out.tag(3, WireType.LengthDelimited).string('brain.Event:2'));
}

/** Says that what earlier files hold of this step and later ones is void: training has gone back. */
export function sessionStartEvent(head: EventHead): Uint8Array {
  const START = 1;
  return event(head, (out) =>
    out.tag(7, WireType.LengthDelimited).fork().tag(1, WireType.Varint).int32(START).join(),
  );
}

export function summaryEvent(head: EventHead, values: readonly SummaryValue[]): Uint8Array {
  return event(head, (out) => {
    out.tag(5, WireType.LengthDelimited).fork();
    for (const value of values) {
      out.tag(1, WireType.LengthDelimited).fork();
      out.tag(1, WireType.LengthDelimited).string(value.tag);
      if ('scalar' in value) out.tag(2, WireType.Bit32).float(value.scalar);
      else writeHistogram(out.tag(5, WireType.LengthDelimited).fork(), value.histogram).join();
      out.join();
    }
    out.join();
  });
}

function event({ wallTime, step }: EventHead, what: (out: BinaryWriter) => void): Uint8Array {
  const out = new BinaryWriter();
  out.tag(1, WireType.Bit64).double(wallTime);
  out.tag(2, WireType.Varint).int64(step);
  what(out);
  return out.finish();
}

/** Sums are of the middles of the intervals: the values themselves are no longer known. */
function writeHistogram(out: BinaryWriter, { start, limits, counts }: Histogram): BinaryWriter {
  let [num, sum, squares] = [0, 0, 0];
  for (let i = 0; i < counts.length; i++) {
    const middle = (limits[i] + (i === 0 ? start : limits[i - 1])) / 2;
    num += counts[i];
    sum += counts[i] * middle;
    squares += counts[i] * middle * middle;
  }
  const doubles = { 1: start, 2: limits[limits.length - 1] ?? start, 3: num, 4: sum, 5: squares };
  for (const [field, value] of Object.entries(doubles)) out.tag(Number(field), WireType.Bit64).double(value);
  // An empty interval in front, so that the first counted one starts where it does and not at minus infinity.
  for (const [field, values] of [
    [6, [start, ...limits]],
    [7, [0, ...counts]],
  ] as const) {
    out.tag(field, WireType.LengthDelimited).fork();
    for (const value of values) out.double(value);
    out.join();
  }
  return out;
}
