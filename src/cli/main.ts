#!/usr/bin/env node
// The varpool command: hands the words of the command line to the program and its exit status to the system.

import { exitPastHandlers } from '../platform/node/hardExit.ts';

exitPastHandlers();
try {
  // Imported late, as commands are, so that a process that may open only a few files says so in a line.
  const { runCli } = await import('./program.ts');
  process.exitCode = (await runCli(process.argv.slice(2))) || process.exitCode;
} catch (error) {
  const limit = openFiles();
  if (limit === null || limit >= 512) throw error;
  process.stderr.write(
    `varpool: ulimit -n: expected at least 512 files that may be open at once, got ${limit} — raise it: ulimit -n 1024\n`,
  );
  process.exit(2);
}

/** Null where the system does not tell. */
function openFiles(): number | null {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = Number(userLimits?.open_files?.soft ?? Number.NaN);
  return Number.isFinite(soft) ? soft : null;
}
