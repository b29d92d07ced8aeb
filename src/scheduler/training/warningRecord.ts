// Which warnings of a training stand: remembers the nll of the last epochs, so that no single one is judged, and what was said, so that it
// is said once and withdrawn when it holds no more. A part of a training's state (`extra.warnings`), so a resumed training says the same.

import { type DiagnosticWarning, WITHDRAWALS } from '../../core/diagnostics/diagnosticWarnings.ts';
import type { TrainingState } from '../../core/training/trainingState.ts';
import { CheckpointError } from '../../errors.ts';

/** The median nll of this many epochs is judged: two of them may be spikes, as adam's are. */
const JUDGED_EPOCHS = 5;

type Code = DiagnosticWarning['code'];

/** Plain numbers and texts, as a checkpoint holds them. */
interface SavedWarnings {
  readonly nll: readonly (readonly [epoch: number, nll: number])[];
  readonly standing: readonly (readonly [code: Code, epoch: number])[];
}

export class WarningRecord {
  #nll: (readonly [epoch: number, nll: number])[] = [];
  readonly #standing = new Map<Code, number>();

  /** Takes in the nll of an epoch. */
  observe(epoch: number, nll: number): void {
    this.#nll = [...this.#nll, [epoch, nll] as const].slice(-JUDGED_EPOCHS);
  }

  /** Median nll of the last epochs; of an even number the lower of the two in the middle. */
  judgedNll(): number {
    const sorted = this.#nll.map(([, nll]) => nll).sort((a, b) => a - b);
    return sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  }

  /** Of the warnings that hold at `epoch`, those that did not stand before; and those that stood and hold no more. */
  update(
    epoch: number,
    holding: readonly DiagnosticWarning[],
  ): { given: DiagnosticWarning[]; withdrawn: { code: Code; message: string }[] } {
    const codes = new Set(holding.map(({ code }) => code));
    const withdrawn = [...this.#standing]
      .filter(([code]) => !codes.has(code))
      .map(([code, since]) => ({
        code,
        message: `${WITHDRAWALS[code]}: the warning of epoch ${since} is withdrawn`,
      }));
    for (const { code } of withdrawn) this.#standing.delete(code);
    const given = holding.filter(({ code }) => !this.#standing.has(code));
    for (const { code } of given) this.#standing.set(code, epoch);
    return { given, withdrawn };
  }

  /** What is known after `epoch`, for a state; nothing where there is nothing. */
  extra(epoch: number): TrainingState['extra'] {
    const until = <Entry>(entries: Iterable<Entry>, at: (entry: Entry) => number) =>
      [...entries].filter((entry) => at(entry) <= epoch);
    const warnings: SavedWarnings = {
      nll: until(this.#nll, ([of]) => of),
      standing: until(this.#standing, ([, since]) => since),
    };
    return warnings.nll.length === 0 ? {} : { warnings };
  }

  /**
   * Resumes from a state; states of older versions hold no warnings.
   * @throws CheckpointError where what it knows is no such record
   */
  restore({ extra }: TrainingState): void {
    if (extra.warnings === undefined) return;
    const { nll, standing } = (extra.warnings ?? {}) as SavedWarnings;
    const pairs = Array.isArray(nll) && Array.isArray(standing) ? [...nll, ...standing] : [null];
    const numbers = pairs.every((pair) => Array.isArray(pair) && Number.isFinite(pair[1]));
    if (!numbers || !standing.every(([code]) => Object.hasOwn(WITHDRAWALS, code))) {
      throw new CheckpointError(
        `resume: expected a state with a record of warnings, got ${JSON.stringify(extra.warnings).slice(0, 60)} — the state is damaged`,
      );
    }
    this.#nll = [...nll];
    this.#standing.clear();
    for (const [code, since] of standing) this.#standing.set(code, since);
  }
}
