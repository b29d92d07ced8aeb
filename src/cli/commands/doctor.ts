// varpool doctor: what this machine offers, which backends run on it, and why others do not.

import { freemem, totalmem } from 'node:os';
import { Command } from 'commander';
import { nativeState } from '../../backend/native.node.ts';
import { nativePackage } from '../../backend/nativeLibrary.node.ts';
import { currentPlatform, varpoolVersion } from '../../experiment/provenance.ts';
import { nodeBackends } from '../../platform/node/backends.ts';
import { kernelBuild } from '../../platform/node/kernelFile.ts';
import { fastifyVersion } from '../../serve/http/fastify.ts';
import { EXIT } from '../failure.ts';
import { type OutputFlags, withOutput } from '../flags.ts';
import { printResult, type Row } from '../output.ts';

/** package.json says the same in `engines`. */
const OLDEST_NODE = [20, 19] as const;

export function doctorCommand(): Command {
  return withOutput(
    new Command('doctor').description(
      'cores, memory, backends found and why others are not, what auto picks',
    ),
  ).action(doctor);
}

interface BackendState {
  readonly name: string;
  readonly ok: boolean;
  readonly reason: string | null;
  readonly note?: string;
}

async function doctor(flags: OutputFlags): Promise<void> {
  const platform = currentPlatform();
  const [major, minor] = platform.node.split('.').map(Number);
  const supported = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const backends: BackendState[] = [];
  for (const name of nodeBackends.names) backends.push(await probe(name));
  const auto = backends.find(({ name, ok }) => ok && name === autoName())?.name ?? null;
  const kernels = await kernelBuild().catch((error: Error) => error);
  const fastify = fastifyVersion();
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  printResult(
    flags,
    () => [
      ['varpool', varpoolVersion()],
      [
        'node',
        `${platform.node} (${supported ? 'supported' : `expected ${OLDEST_NODE.join('.')} or later`}), ${platform.platform} ${platform.arch}`,
      ],
      ['cores', `${platform.cores} (${platform.cpu})`],
      ['memory', `${gib(totalmem())}, ${gib(freemem())} free`],
      ...backends.map(
        ({ name, ok, reason, note }) =>
          [
            `backend ${name}`,
            ok ? `available${note ? `: ${note}` : ''}` : `not available: ${reason}`,
          ] as const,
      ),
      ...nativeRows(),
      [
        'serve',
        fastify === null ? 'not available: run npm install fastify' : `available: fastify ${fastify}`,
      ],
      ['auto picks', auto ?? 'nothing: no backend can run here'],
      [
        'kernels',
        kernels instanceof Error
          ? kernels.message
          : `${kernels.wasm} (${kernels.bytes} bytes, sources ${kernels.sources.slice(0, 12)})`,
      ],
    ],
    () => ({
      varpool: varpoolVersion(),
      node: { version: platform.node, supported },
      platform: `${platform.platform} ${platform.arch}`,
      cpu: platform.cpu,
      cores: platform.cores,
      memory: { total: totalmem(), free: freemem() },
      backends,
      auto,
      native: nativeJson(),
      serve: { fastify },
      kernels: kernels instanceof Error ? null : kernels,
    }),
  );
  if (auto === null || !supported) process.exitCode = EXIT.usage;
}

/** Whether a backend can run here, its compiled code included. */
async function probe(name: string): Promise<BackendState> {
  const factory = nodeBackends.named(name);
  const state = factory.available();
  if (!state.ok) return { name, ok: false, reason: state.reason };
  try {
    await factory.compile();
    const note = [state.note, factory.reproducible ? undefined : 'not reproducible, so auto never picks it']
      .filter((part) => part !== undefined)
      .join('; ');
    return { name, ok: true, reason: null, ...(note === '' ? {} : { note }) };
  } catch (error) {
    return { name, ok: false, reason: (error as Error).message };
  }
}

/** Where the native library was found and what is called of it; nothing where there is none, which its backend's row says. */
function nativeRows(): Row[] {
  const { library, variant } = nativeState();
  if (!library.ok) return [];
  const { origin, path, variants, passedOver } = library;
  const from = {
    environment: 'VARPOOL_NATIVE_LIBRARY',
    package: `package ${nativePackage(`${process.platform}-${process.arch}`)}`,
    checkout: 'this checkout',
  }[origin];
  return [
    ['native library', `from ${from}: ${path}`],
    ['native variants', variants.map((name) => (name === variant ? `${name} (chosen)` : name)).join(', ')],
    ...passedOver.map((reason): Row => ['native passed over', reason]),
  ];
}

function nativeJson() {
  const { library, variant } = nativeState();
  if (!library.ok) return null;
  const { origin, path, variants, passedOver } = library;
  return { origin, path, variants, variant, passedOver };
}

function autoName(): string | null {
  try {
    return nodeBackends.pick('auto').name;
  } catch {
    return null; // The rows of the backends say why.
  }
}
