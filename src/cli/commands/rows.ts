// varpool rows RUN: which rows of the data a part, an epoch or a step of a run took.

import { Command, Option } from 'commander';
import { openRun } from '../../experiment/run/directory.ts';
import { relocated } from '../../experiment/run/relocate.ts';
import { PARTS, type Part, runRows } from '../../experiment/run/rows.ts';
import {
  choiceOption,
  type MovedFlags,
  memberOption,
  movedOption,
  type OutputFlags,
  wholeNumber,
  withOutput,
} from '../flags.ts';
import { note, printResult, warn } from '../output.ts';

interface RowsFlags extends OutputFlags, MovedFlags {
  readonly part: Part;
  readonly epoch?: number;
  readonly step?: number;
  readonly member?: number;
}

export function rowsCommand(): Command {
  const counted = (flag: string, description: string) =>
    new Option(`${flag} <n>`, description).argParser((text) => wholeNumber(flag, text, 2 ** 40));
  const command = new Command('rows')
    .description('row numbers of a part of a run, in the order of an epoch or of one step if asked')
    .argument('<run>', 'run directory')
    .addOption(movedOption())
    .addOption(choiceOption('--part <name>', 'which part', PARTS).default('train'))
    .addOption(counted('--epoch', 'the training rows in the order of this epoch, from 1'))
    .addOption(
      counted('--step', 'the minibatch of this step, from 1: within --epoch, or without it over all epochs'),
    )
    .addOption(memberOption('of an ensemble: whose epoch or step it is, from 0'));
  return withOutput(command).action(rows);
}

function rows(dir: string, flags: RowsFlags): void {
  const { part, epoch, step, member } = flags;
  const found = runRows(relocated(openRun(dir), flags.data), {
    part,
    ...(epoch === undefined ? {} : { epoch }),
    ...(step === undefined ? {} : { step }),
    ...(member === undefined ? {} : { member }),
  });
  for (const line of found.notes) warn(line);
  const at =
    found.step !== null
      ? `step ${found.step}, epoch ${found.epoch}`
      : found.epoch !== null
        ? `epoch ${found.epoch}`
        : found.part;
  if (!flags.quiet) note(`${at}: ${found.rows.length} rows of ${found.of}, counted from 0`);
  const { notes: _, ...result } = found;
  printResult(
    flags,
    () => [...found.rows].map((row) => `${row}\n`).join(''),
    () => ({ run: dir, ...result, rows: [...found.rows] }),
  );
}
