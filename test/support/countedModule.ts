// The kernels' WebAssembly with a counter woven in: every run of straight-line code adds its instructions to a global when it is
// entered, so that what a call executes is counted exactly, whatever the machine or its clock.

import loadWabt from 'wabt';
import { type Arena, STACK_BYTES } from '../../src/backend/arena.ts';
import type { Kernels } from '../../src/backend/backend.ts';

const FEATURES = {
  simd: true,
  relaxed_simd: true,
  threads: true,
  bulk_memory: true,
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  multi_value: true,
  reference_types: true,
};

/** Structure, not work. */
const MARKER = /^(block|loop|end|else)\b/;
/** After one of these another run of straight-line code begins. */
const TURN = /^(loop|if|else|end|br|br_if|br_table|return|unreachable)\b/;
const INSTRUCTION = /^[a-z0-9_]+(\.[a-z0-9_]+)*\b/;

export interface CountedModule {
  readonly module: WebAssembly.Module;
  /** Instructions that stand in the code, of all functions together. */
  readonly instructions: number;
}

/** Weaves the counter into the text of one function, line by line; returns its lines and how many instructions it has. */
function weave(lines: readonly string[]): { lines: string[]; instructions: number } {
  const out: string[] = [];
  let run: string[] = [];
  let counted = 0;
  let instructions = 0;
  const flush = () => {
    if (counted > 0)
      out.push('global.get $instructions', `i64.const ${counted}`, 'i64.add', 'global.set $instructions');
    out.push(...run);
    instructions += counted;
    run = [];
    counted = 0;
  };
  for (const line of lines) {
    const text = line.trim();
    const isInstruction = INSTRUCTION.test(text);
    if (!isInstruction) {
      flush();
      out.push(line); // (func …, (local …, a lone )
      continue;
    }
    run.push(line);
    if (!MARKER.test(text)) counted++;
    if (TURN.test(text)) flush();
  }
  flush();
  return { lines: out, instructions };
}

/** @throws Error where the text is not as this expects it */
export async function countedModule(wasm: Uint8Array): Promise<CountedModule> {
  const wabt = await loadWabt();
  const read = wabt.readWasm(wasm, { ...FEATURES, readDebugNames: false });
  const text = read.toText({ foldExprs: false, inlineExport: false });
  read.destroy();
  const out: string[] = [];
  let body: string[] | null = null;
  let instructions = 0;
  const close = () => {
    if (body === null) return;
    const woven = weave(body);
    out.push(...woven.lines);
    instructions += woven.instructions;
    body = null;
  };
  for (const line of text.split('\n')) {
    // Fields of the module are indented by two, what is in a function by more.
    if (/^ {2}\(func /.test(line)) {
      close();
      body = [line];
    } else if (body !== null && !/^ {2}\(/.test(line)) body.push(line);
    else {
      close();
      out.push(line);
    }
  }
  close();
  const whole = out.join('\n').trimEnd();
  if (!whole.endsWith(')') || instructions === 0)
    throw new Error('countedModule: expected the text of a module with code, got something else');
  const counted = `${whole.slice(0, -1)}
  (global $instructions (mut i64) (i64.const 0))
  (export "instructions" (global $instructions)))`;
  const parsed = wabt.parseWat('counted.wat', counted, FEATURES);
  parsed.resolveNames();
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return { module: new WebAssembly.Module(new Uint8Array(buffer)), instructions };
}

/** The kernels of a counted module in an arena, and how many instructions a piece of work executes. */
export function countedKernels(
  { module }: CountedModule,
  arena: Arena,
): { kernels: Kernels; executed(work: () => void): number } {
  const { exports } = new WebAssembly.Instance(module, { env: { memory: arena.memory } });
  (exports.__stack_pointer as WebAssembly.Global).value = 65_536 + STACK_BYTES;
  const counter = exports.instructions as unknown as { value: bigint };
  return {
    kernels: exports as unknown as Kernels,
    executed(work) {
      counter.value = 0n;
      work();
      return Number(counter.value);
    },
  };
}
