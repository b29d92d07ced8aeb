// varpool train CONFIG: from a config file to a run directory.

import { join } from 'node:path';
import { Command } from 'commander';
import { ConfigError } from '../../errors.ts';
import { configReads, runName } from '../../experiment/config/config.ts';
import { readConfigWith } from '../../experiment/config/configWith.ts';
import { isManifest } from '../../experiment/manifest/manifest.ts';
import { prepareRun } from '../../experiment/run/data.ts';
import { createNumberedRun, createRun, RUN_FILES, type RunWriter } from '../../experiment/run/directory.ts';
import { oneLine } from '../../messages.ts';
import {
  drawsOption,
  memberOption,
  type OutputFlags,
  type RuntimeFlags,
  type SetFlags,
  seedOption,
  setOption,
  settings,
  tensorboardOption,
  type WhatIfFlags,
  whatIfOption,
  withOutput,
  withRuntime,
} from '../flags.ts';
import { type Overrides, overridden, printTrained, trainAndReport } from '../trainAndReport.ts';

interface TrainFlags extends RuntimeFlags, OutputFlags, Overrides, SetFlags, WhatIfFlags {
  readonly out?: string;
  readonly force?: boolean;
}

export function trainCommand(): Command {
  const command = new Command('train')
    .description('train the network of a config file and leave a run directory')
    .argument('<config>', 'YAML or JSON config')
    .option('--out <dir>', 'run directory; default runs/NAME-N, NAME from the config file')
    .option('--force', 'replace the run that is in --out')
    .addOption(setOption())
    .addOption(tensorboardOption())
    .addOption(whatIfOption())
    .addOption(drawsOption('posterior draws of the test metrics, in place of prediction.draws'))
    .addOption(seedOption())
    .addOption(memberOption('train this member of the ensemble alone, from 0'));
  return withOutput(withRuntime(command)).action(train);
}

async function train(file: string, flags: TrainFlags): Promise<void> {
  if (isManifest(join(file, RUN_FILES.manifest))) {
    throw new ConfigError(
      oneLine(
        `${file}: expected a config file, got a run directory — varpool resume ${file} resumes it, varpool train ${join(file, RUN_FILES.config)} starts over`,
      ),
    );
  }
  const config = overridden(readConfigWith(file, settings(flags)), flags);
  const prepared = prepareRun(config, file);
  const openRunDirectory = (): RunWriter =>
    flags.out === undefined
      ? createNumberedRun('runs', runName(file))
      : createRun(flags.out, { force: flags.force === true, reads: [file, ...configReads(config)] });
  const { trained, run } = await trainAndReport(prepared, flags, openRunDirectory, {
    title: `varpool · ${runName(file)}`,
  });
  printTrained(trained, run, flags);
}
