// The package fastify is an option: without it everything but the server works, and the server says in a line what to do.

import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { jsonOf, MAIN } from '../cli/cli.ts';

/** Node as it is where fastify is not installed. */
const WITHOUT = `data:text/javascript,${encodeURIComponent(`
  import { createRequire, register, Module } from 'node:module';
  const missing = (code) => Object.assign(new Error('Cannot find package fastify'), { code });
  register('data:text/javascript,' + encodeURIComponent(\`
    export function resolve(specifier, context, next) {
      if (specifier !== 'fastify') return next(specifier, context);
      throw Object.assign(new Error('Cannot find package fastify'), { code: 'ERR_MODULE_NOT_FOUND' });
    }\`));
  const resolveFilename = Module._resolveFilename;
  Module._resolveFilename = function (name, ...rest) {
    if (/^fastify(\\/|$)/.test(name)) throw missing('MODULE_NOT_FOUND');
    return resolveFilename.call(this, name, ...rest);
  };
`)}`;

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', WITHOUT, ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('varpool serve without fastify: status 2 and one line', () => {
  expect(run(MAIN, 'serve', 'nowhere')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'varpool: serve: expected the package fastify, got none — run npm install fastify\n',
  });
});

test('doctor says whether it is there', () => {
  expect(run(MAIN, 'doctor').stdout).toMatch(/^serve +not available: run npm install fastify$/m);
  expect(jsonOf(run(MAIN, 'doctor', '--json')).serve).toEqual({ fastify: null });
  const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, 'doctor', '--json'], {
    encoding: 'utf8',
  });
  expect(jsonOf({ stdout, stderr, status }).serve).toEqual({ fastify: expect.stringMatching(/^5\./) });
});

test("import 'varpool' works without it, and import 'varpool/serve' until a server is made", () => {
  const source = `
    const { build } = await import('varpool');
    const { createServer } = await import('varpool/serve');
    console.log(typeof build, await createServer({ models: ['nowhere'] }).catch(({ code }) => code));`;
  expect(run('--input-type=module', '-e', source)).toMatchObject({
    stdout: 'function VARPOOL_CONFIG\n',
    stderr: '',
    status: 0,
  });
});
