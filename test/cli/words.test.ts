// The words of the command line: help, version, near names, completions in the shells themselves, color.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isColored } from '../../src/cli/color.ts';
import { createProgram } from '../../src/cli/program.ts';
import { nearest } from '../../src/messages.ts';
import { MAIN, temporaryDirectory, varpool } from './cli.ts';

const dir = temporaryDirectory();
const commands = (await createProgram()).commands.map((command) => command.name());

describe('help and version', () => {
  test('varpool help is varpool --help; varpool help COMMAND is that of the command', () => {
    expect(varpool(dir, 'help')).toEqual(varpool(dir, '--help'));
    const help = varpool(dir, 'help', 'predict');
    expect(help).toEqual(varpool(dir, 'predict', '--help'));
    expect(help).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('.npy   float64') });
    expect(varpool(dir, 'help', 'predcit')).toMatchObject({
      status: 2,
      stdout: '',
      stderr: 'varpool: command line: expected a command, got "predcit" — did you mean predict?\n',
    });
  });

  test('-V is --version', () => {
    expect(varpool(dir, '-V')).toEqual(varpool(dir, '--version'));
    expect(varpool(dir, '-V').status).toBe(0);
  });

  test('a name is suggested only where it is near', () => {
    expect(varpool(dir, 'version').stderr).toBe(
      'varpool: command line: expected a command, got "version" — run varpool --help\n',
    );
    expect(varpool(dir, 'train', 'x', '--epochs', '5').stderr).toMatch(
      /got --epochs — run varpool help train\n/,
    );
    expect(nearest('cement', ['water', 'age', 'slag'])).toBeNull();
    expect(nearest('version', commands)).toBeNull();
    expect(nearest('run', ['rows', 'sum'])).toBeNull();
    expect(nearest('evalaute', commands)).toBe('evaluate');
    expect(nearest('tarin', commands)).toBe('train');
  });
});

describe('completions', () => {
  const there = (shell: string) => spawnSync(shell, ['--version']).status === 0;
  const script = (shell: string) => varpool(dir, 'completions', shell).stdout;
  /** What a shell offers for a line, as it stands before the cursor. */
  const offered: Record<string, (line: string) => string[]> = {
    bash: (line) => {
      const words = line.split(' ');
      const quoted = words.map((word) => `'${word}'`).join(' ');
      return run('bash', [
        '-c',
        `${script('bash')}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _varpool; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ]);
    },
    fish: (line) => run('fish', ['--no-config', '-c', `${script('fish')}\ncomplete -C '${line}'`]),
  };
  const run = (shell: string, args: string[]) =>
    spawnSync(shell, args, { cwd: dir, encoding: 'utf8', env: { ...process.env, HOME: dir } })
      .stdout.trimEnd()
      .split('\n')
      .map((one) => one.split('\t')[0])
      .filter((one) => one !== '');

  for (const shell of ['bash', 'fish']) {
    test.runIf(there(shell))(`${shell} offers commands, options, values and files`, () => {
      mkdirSync(join(dir, shell), { recursive: true });
      writeFileSync(join(dir, shell, 'a b.yaml'), '');
      const offer = offered[shell];
      expect(
        offer('varpool ')
          .filter((word) => !word.startsWith('-'))
          .sort(),
      ).toEqual([...commands].sort());
      expect(offer('varpool tr')).toEqual(['train']);
      expect(offer('varpool train --se').sort()).toEqual(['--seed', '--set']);
      expect(offer('varpool train --backend wa')).toEqual(['wasm']);
      expect(offer('varpool predict r --mode m').sort()).toEqual(['marginal', 'mean']);
      expect(offer('varpool help ver')).toEqual(['verify']);
      expect(offer(`varpool train ${shell}/a`).map((word) => word.replaceAll('\\', ''))).toEqual([
        `${shell}/a b.yaml`,
      ]);
    });
  }

  test.runIf(there('zsh'))('zsh loads it and takes every command', () => {
    const { status, stderr } = spawnSync(
      'zsh',
      [
        '-f',
        '-c',
        `autoload -U compinit; compinit -u -D; ${script('zsh')}\nwhence -w _varpool; print $_comps[varpool]`,
      ],
      { encoding: 'utf8', cwd: dir, env: { ...process.env, HOME: dir } },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const command of commands) expect(script('zsh')).toContain(`    ${command})\n`);
  });

  test('another shell is refused', () => {
    expect(varpool(dir, 'completions', 'fis').stderr).toBe(
      'varpool: SHELL: expected bash, zsh or fish, got "fis" — did you mean fish?\n',
    );
  });
});

describe('color', () => {
  const terminal = { isTTY: true };
  test.each([
    [terminal, {}, true],
    [{ isTTY: false }, {}, false],
    [terminal, { NO_COLOR: '1' }, false],
    [terminal, { NO_COLOR: '' }, true],
    [terminal, { TERM: 'dumb' }, false],
    [{ isTTY: false }, { FORCE_COLOR: '1' }, true],
    [{ isTTY: false }, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
    [terminal, { FORCE_COLOR: '0' }, false],
  ])('%j with %j: %j', (stream, env, expected) => {
    expect(isColored(stream, env)).toBe(expected);
  });

  test('errors and tables have it where it is forced, and are the same without', () => {
    const withEnv = (env: Record<string, string>, ...words: string[]) => {
      const { FORCE_COLOR: _, NO_COLOR: __, ...rest } = process.env;
      return spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', env: { ...rest, ...env } });
    };
    const plain = withEnv({}, 'nothing');
    const forced = withEnv({ FORCE_COLOR: '1' }, 'nothing');
    expect(plain.stderr).not.toContain('\u001b');
    expect(forced.stderr.startsWith('\u001b[')).toBe(true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(forced.stderr.replace(/\u001b\[\d+m/g, '')).toBe(plain.stderr);
    expect(withEnv({ FORCE_COLOR: '1' }, 'doctor').stdout).toContain('\u001b');
    expect(withEnv({ FORCE_COLOR: '1' }, 'doctor', '--json').stdout).not.toContain('\u001b');
  });
});
