#!/usr/bin/env node
// The varpool command: hands the words of the command line to the program and its exit status to the system.

import { runCli } from './program.ts';

const status = await runCli(process.argv.slice(2));
// Output that could not be written may have set one by now.
process.exitCode = status || process.exitCode;
