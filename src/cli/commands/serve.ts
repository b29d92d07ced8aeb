// varpool serve RUN…: an HTTP server for the posteriors of runs, until it is asked to end.

import { Command, Option } from 'commander';
import { ConfigError } from '../../errors.ts';
import { describeValue, mismatch } from '../../messages.ts';
import type { Server, ServerOptions } from '../../serve/index.ts';
import { batchFields, limitFields } from '../../serve/limits.ts';
import { LOG_LEVELS, MAX_RELOAD_SECONDS } from '../../serve/options.ts';
import { EXIT } from '../failure.ts';
import { choiceOption, type OutputFlags, type RuntimeFlags, wholeNumber, withOutput } from '../flags.ts';
import { note, printResult, warn } from '../output.ts';

interface ServeFlags extends OutputFlags, Pick<RuntimeFlags, 'backend'> {
  readonly port: number;
  readonly host: string;
  readonly threads?: number;
  readonly log?: NonNullable<ServerOptions['logLevel']>;
  readonly reload: number;
  readonly limit?: Record<string, number>;
  readonly batch?: Record<string, number>;
}

const TOKEN = 'VARPOOL_SERVE_TOKEN';
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;

const namesOf = ({ shape }: { readonly shape: object }) => Object.keys(shape).join(', ');

const HELP = `
RUN is a run directory, or a directory of runs 1, 2, … that are versions of one model; NAME=RUN gives it another name.
The server speaks the Open Inference Protocol v2: see docs/serving.md, and the page at /. It listens on this machine alone
unless --host says otherwise; for TLS, put a proxy in front. Where ${TOKEN} is set, requests must carry it as a bearer
token. SIGTERM: not ready at once, answers what was accepted, refuses the rest, ends with status 0.
Limits (--limit NAME=N): ${namesOf(limitFields)}.
Batches (--batch NAME=N): ${namesOf(batchFields)}.`;

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('HTTP server for the posteriors of runs')
    .argument('<run...>', 'run directories')
    .addOption(new Option('--port <n>', 'port; 0 takes a free one').argParser(portNumber).default(8080))
    .option('--host <name>', 'where to listen; 0.0.0.0 for every network of this machine', '127.0.0.1')
    .addOption(
      new Option('--threads <n>', 'threads of each model; default one less than cores, at most 4').argParser(
        (text) => wholeNumber('--threads', text, 1024),
      ),
    )
    .option('--backend <name>', 'what computes; the bits are the same, but for tfjs', 'auto')
    .addOption(choiceOption('--log <level>', 'lines of JSON on stderr', LOG_LEVELS))
    .addOption(
      new Option('--reload <seconds>', 'look at the directories this often and load what changed; 0 never')
        .argParser((text) => (text === '0' ? 0 : wholeNumber('--reload', text, MAX_RELOAD_SECONDS)))
        .default(2),
    )
    .addOption(
      new Option('--limit <name=n>', 'a limit; may be given several times').argParser(assignment('--limit')),
    )
    .addOption(
      new Option('--batch <name=n>', 'how rows are computed together').argParser(assignment('--batch')),
    )
    .addHelpText('after', HELP);
  return withOutput(command).action(serve);
}

async function serve(runs: string[], flags: ServeFlags): Promise<void> {
  const token = process.env[TOKEN];
  if (token === '') {
    throw new ConfigError(mismatch(TOKEN, 'a token', 'an empty string', 'unset it to serve without one'));
  }
  const { createServer } = await import('../../serve/index.ts');
  const server = await createServer({
    models: runs,
    port: flags.port,
    host: flags.host,
    backend: flags.backend,
    reloadSeconds: flags.reload,
    logLevel: flags.log ?? (flags.quiet ? 'error' : 'warn'),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(token === undefined ? {} : { token }),
    ...(flags.limit === undefined ? {} : { limits: flags.limit }),
    ...(flags.batch === undefined ? {} : { batching: flags.batch }),
  });
  const ended = untilAsked(server);
  try {
    const { url, port } = await listening(server, flags);
    if (!LOOPBACK.test(flags.host) && token === undefined)
      warn(`serve: anyone who can reach ${flags.host} can send requests — set ${TOKEN} to require a token`);
    printResult(
      flags,
      () => [
        ['serving', url],
        ['models', runs.join(', ')],
        ['page', `${url}/`],
      ],
      () => ({ url, port, models: runs }),
    );
  } catch (error) {
    await server.close();
    // Asked to end while the models were loaded.
    if (!ended.asked) throw error;
  }
  await ended.done;
}

async function listening(server: Server, { host, port }: ServeFlags) {
  try {
    return await server.listen();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== 'listen' && syscall !== 'getaddrinfo') throw error;
    const next = code === 'EADDRINUSE' ? 'take another --port' : 'check --host and --port';
    const got = code === 'EADDRINUSE' ? 'one in use' : String(code);
    throw new ConfigError(mismatch('serve', `a free port ${port} on ${host}`, got, next));
  }
}

/** Settles when a signal has ended the server; a second signal ends the process at once. */
function untilAsked(server: Server): { readonly asked: boolean; readonly done: Promise<void> } {
  const state = { asked: false };
  const done = new Promise<void>((resolve, reject) => {
    const stop = () => {
      if (state.asked) process.exit(EXIT.interrupted);
      state.asked = true;
      note('varpool: finishing what was accepted (once more to stop at once)');
      server.close().then(resolve, reject);
    };
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, stop);
  });
  return {
    get asked() {
      return state.asked;
    },
    done,
  };
}

function portNumber(text: string): number {
  return text === '0' ? 0 : wholeNumber('--port', text, 65_535);
}

/** NAME=N, collected over several uses of the flag. */
function assignment(flag: string) {
  return (text: string, before: Record<string, number> | undefined): Record<string, number> => {
    const [, name, value] = /^(\w+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
    if (name !== undefined) return { ...before, [name]: Number(value) };
    throw new ConfigError(mismatch(flag, 'NAME=NUMBER', describeValue(text), 'see varpool serve --help'));
  };
}
