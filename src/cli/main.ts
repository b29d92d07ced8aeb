#!/usr/bin/env node
// The varpool command: hands the words of the command line to the program and its exit status to the system.

import { runCli } from './program.ts';

process.exitCode = await runCli(process.argv.slice(2));
