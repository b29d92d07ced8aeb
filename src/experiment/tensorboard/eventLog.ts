// An event file that grows as training goes: opened with the first epoch, one write an epoch, readable by TensorBoard at any time.

import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CheckpointError } from '../../errors.ts';
import { fileProblem } from '../../files/fileProblems.ts';
import type { TrainingReport } from '../../scheduler/training/reports.ts';
import { fileVersionEvent, sessionStartEvent, summaryEvent } from './event.ts';
import { frameRecord } from './tfRecord.ts';
import { trainingValues } from './trainingEvents.ts';

/** Event files of a run; TensorBoard reads those of a directory in the order of their names. */
export const EVENT_FILE = /^events\.out\.tfevents\.(\d{10})\.varpool\.(\d{4})$/;

export class EventLog {
  #fd: number | null = null;
  #path = '';

  /** @param dir the run directory */
  constructor(readonly dir: string) {}

  /** Adds an epoch; its step is that of the optimizer. @throws CheckpointError if it cannot be written */
  append(report: TrainingReport): void {
    const head = { wallTime: Date.now() / 1000, step: report.step };
    const events = [summaryEvent(head, trainingValues(report))];
    try {
      if (this.#fd === null) {
        const continued = this.#open(head.wallTime);
        // Earlier files may have gone further than the state this training went on from.
        if (continued) events.unshift(sessionStartEvent(head));
        events.unshift(fileVersionEvent(head.wallTime));
      }
      const bytes = Buffer.concat(events.map(frameRecord));
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd as number, bytes, done);
    } catch (cause) {
      throw fileProblem(
        CheckpointError,
        this.#path || this.dir,
        'a file that can be written',
        'write',
        cause,
      );
    }
  }

  /** Makes a file whose name comes after those that are there; returns whether there are any. */
  #open(wallTime: number): boolean {
    const earlier = readdirSync(this.dir)
      .filter((name) => EVENT_FILE.test(name))
      .sort();
    const last = EVENT_FILE.exec(earlier.at(-1) ?? '');
    // A clock that was set back must not put this file before the others.
    const second = Math.max(Math.floor(wallTime), Number(last?.[1] ?? 0));
    const number = last !== null && Number(last[1]) === second ? Number(last[2]) + 1 : 0;
    const name = `events.out.tfevents.${String(second).padStart(10, '0')}.varpool.${String(number).padStart(4, '0')}`;
    this.#path = join(this.dir, name);
    this.#fd = openSync(this.#path, 'wx');
    return last !== null;
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}
