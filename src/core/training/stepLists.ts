// Steps of a thread that trains alone, as lists of kernel calls: recorded once for each kind of step and executed by one call of the
// backend. A list is recorded from the step itself, by kernels that write down what they are asked for.

import type { Backend } from '../../backend/backend.ts';
import { CallRecorder, kindsOf } from '../../backend/callList.ts';
import { batchRows, stepsPerEpoch, totalSteps } from './problem.ts';
import { TrainingStep } from './step.ts';
import { LIST_WORDS } from './trainingMemory.ts';

/** A recorded step. Steps of its kind have the same calls, but for words of the kinds `step` and `cursor`. */
interface StepList {
  /** In the arena; byte addresses of both ends beside it. */
  readonly words: Int32Array;
  readonly from: number;
  readonly to: number;
  /** Places of the words that grow, and by how much a step. */
  readonly growing: Int32Array;
  readonly growth: Int32Array;
  /** Places of the addresses of row indices. */
  readonly cursors: Int32Array;
  /** The step whose words these are now. */
  step: number;
  /** `klArgument` of the steps that it is right for. */
  readonly klArgument: number;
}

/** A block makes at least this many words of calls: its product, its update and its draw. */
const WORDS_PER_BLOCK = 36;

export class StepLists {
  readonly #recording: TrainingStep;
  readonly #recorder: CallRecorder;
  readonly #lists = new Map<number, StepList>();
  /** By kind of step: `klArgument` when such a step was last met without a list. */
  readonly #met = new Map<number, number>();
  readonly #totalSteps: number;
  readonly #perEpoch: number;
  /** Words of the memory's `lists` that are taken; the first says whose they are. */
  #taken = 1;
  /** What that word holds while the lists in the arena are these; 0 is never. */
  #claim = 0;

  /** Lists of a step; null where its backend executes none, or where calls are few beside what they compute. */
  static create(step: TrainingStep, { runCalls }: Backend): StepLists | null {
    const few = step.memory.layout.blocks.length * WORDS_PER_BLOCK <= LIST_WORDS;
    // What gradients are clipped by is known only in the middle of a step.
    return runCalls === undefined || !few || step.clips ? null : new StepLists(step, runCalls);
  }

  private constructor(
    readonly step: TrainingStep,
    readonly runCalls: NonNullable<Backend['runCalls']>,
  ) {
    const { problem, memory, arena, thread } = step;
    this.#recorder = new CallRecorder();
    this.#recording = new TrainingStep(problem, memory, arena, this.#recorder.kernels, thread);
    this.#totalSteps = totalSteps(problem);
    this.#perEpoch = stepsPerEpoch(problem);
  }

  /**
   * Forgets lists that another thread has recorded its own over: a training moves from thread to thread where there are more trainings
   * than threads. For the beginning of a stretch, within which one thread has the arena.
   */
  claim(): void {
    const { memory, arena } = this.step;
    const owner = memory.lists / 4;
    if (this.#claim !== 0 && arena.i32[owner] === this.#claim) return;
    this.#lists.clear();
    this.#taken = 1;
    this.#claim = (arena.i32[owner] + 1) | 0 || 1;
    arena.i32[owner] = this.#claim;
  }

  /** Does what `whole` does for a step that is prepared; null where there is no list for it, and then nothing. */
  run(step: number): boolean | null {
    const kind = this.#kind(step);
    let list: StepList | null = this.#lists.get(kind) ?? null;
    if (list === null || list.klArgument !== this.step.klArgument) list = this.#record(step, kind);
    if (list === null) return null;
    this.#moveTo(list, step);
    return this.runCalls(list.from, list.to) !== 0;
  }

  /** Steps of one kind use the same halves of double buffers, and their minibatches and the next ones have equally many rows. */
  #kind(step: number): number {
    const { problem } = this.step;
    const next = step + 1 < this.#totalSteps ? batchRows(problem, step + 1) : 0;
    return (batchRows(problem, step) * (problem.batchSize + 1) + next) * 2 + (step & 1);
  }

  #moveTo(list: StepList, step: number): void {
    const { words, growing, growth, cursors } = list;
    const steps = step - list.step;
    if (steps === 0) return;
    for (let i = 0; i < growing.length; i++) words[growing[i]] += growth[i] * steps;
    const rows = this.step.cursor(step + 1) - this.step.cursor(list.step + 1);
    for (let i = 0; i < cursors.length; i++) words[cursors[i]] += rows;
    list.step = step;
  }

  /** Records a step together with another of its kind, which shows what moves between them; null where nothing else is equal. */
  #record(step: number, kind: number): StepList | null {
    const { klArgument, memory, arena } = this.step;
    // A KL weight that changes from step to step would be recorded again and again.
    const settled = klArgument === 0 || this.#met.get(kind) === klArgument;
    this.#met.set(kind, klArgument);
    const other = this.#another(step, kind);
    if (!settled || other === null) return null;
    const second = this.#calls(other);
    const first = this.#calls(step);
    const moving = this.#moving(first, second, step, other);
    // In place of a list of the same kind for another KL weight, where there is one.
    const old = this.#lists.get(kind)?.words.length === first.length ? this.#lists.get(kind) : undefined;
    const taken = this.#taken + (old === undefined ? first.length : 0);
    if (moving === null || taken > LIST_WORDS) return null;
    const at = old === undefined ? memory.lists / 4 + this.#taken : old.from / 4;
    this.#taken = taken;
    const words = arena.i32.subarray(at, at + first.length);
    words.set(first);
    const list = { words, from: 4 * at, to: 4 * (at + first.length), ...moving, step, klArgument };
    this.#lists.set(kind, list);
    return list;
  }

  /** A near step of the same kind. */
  #another(step: number, kind: number): number | null {
    const near = [2, -2, 2 * this.#perEpoch, -2 * this.#perEpoch].map((away) => step + away);
    const of = near.filter((other) => other >= 0 && other < this.#totalSteps);
    return of.find((other) => this.#kind(other) === kind) ?? null;
  }

  /** The calls of a step. `prepare` of the step that is to be done must follow, or come last. */
  #calls(step: number): Int32Array {
    this.#recorder.clear();
    this.#recording.prepare(step);
    this.#recording.whole(step);
    return this.#recorder.taken();
  }

  /** What moves between two steps of equal calls; null where more does than may. */
  #moving(
    first: Int32Array,
    second: Int32Array,
    step: number,
    other: number,
  ): Pick<StepList, 'growing' | 'growth' | 'cursors'> | null {
    if (first.length !== second.length) return null;
    const [growing, growth, cursors]: number[][] = [[], [], []];
    const rows = this.step.cursor(other + 1) - this.step.cursor(step + 1);
    for (const [at, kind] of kindsOf(first).entries()) {
      const difference = (second[at] - first[at]) | 0;
      if (kind === 'cursor') {
        if (difference !== rows) return null;
        cursors.push(at);
      } else if (difference !== 0) {
        const by = difference / (other - step);
        if (kind !== 'step' || !Number.isInteger(by)) return null;
        growing.push(at);
        growth.push(by);
      }
    }
    return {
      growing: Int32Array.from(growing),
      growth: Int32Array.from(growth),
      cursors: Int32Array.from(cursors),
    };
  }
}
