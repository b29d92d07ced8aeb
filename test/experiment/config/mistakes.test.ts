// Every kind of mistake in a config gives its exact line; hostile YAML gives one line too.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { ESTIMATORS } from '../../../src/core/estimators/index.ts';
import { ConfigError } from '../../../src/errors.ts';
import { formatConfig, parseConfig, readConfig } from '../../../src/experiment/config/config.ts';
import { listed } from '../../../src/messages.ts';

const CSV = 'data: {kind: csv, path: a.csv}\n';

const scratch = mkdtempSync(join(tmpdir(), 'varpool-config-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('expected a ConfigError, got none');
}

const KNOWN =
  'seed, data, model, prior, likelihood, posterior, training, checkpoint, ensemble, prediction, logging';
const SEED = 'a string that is not empty or an integer from -9007199254740991 to 9007199254740991';
const ADD = 'got nothing — add it';
const WHOLE = 'expected a whole number of at least 1';
const KL =
  'expected uniform, blundell, warmup, cyclical or tempered, by name or as a map with kind and options';

describe('mistakes, each in one line', () => {
  it.each([
    ['', ': expected a map of keys, got an empty file — name at least data'],
    ['- a', `: expected a map with keys ${KNOWN}, got a list of 1 — change it`],
    ['foo', `: expected a map with keys ${KNOWN}, got "foo" — change it`],
    ['{}', ': data: expected a map with kind: idx, csv, npy or synthetic, got nothing — add it'],
    [
      'data: csv',
      ': data: expected a map with kind: idx, csv, npy or synthetic, got "csv" — write { kind: csv }',
    ],
    ['data: {kind: cvs}', ': data.kind: expected idx, csv, npy or synthetic, got "cvs" — did you mean csv?'],
    ['data: {path: x}', `: data.kind: expected idx, csv, npy or synthetic, ${ADD}`],
    ['data: {kind: csv}', `: data.path: expected a path, ${ADD}`],
    [`${CSV}epochs: 3`, ': epochs: expected a known key, got "epochs" — put it under training'],
    [
      `${CSV}model: {prior: laplace}`,
      ': model.prior: expected a known key, got "prior" — put it one level up',
    ],
    [`${CSV}xyz: 3`, `: xyz: expected a known key, got "xyz" — known here: ${KNOWN}`],
    [`${CSV}"x\\ny": 1`, `: "x\\ny": expected a known key, got "x\\ny" — known here: ${KNOWN}`],
    [
      `${CSV}training: {batchsiz: 3}`,
      ': training.batchsiz: expected a known key, got "batchsiz" — did you mean batchSize?',
    ],
    [
      `${CSV}training: {batch_size: 3}`,
      ': training.batch_size: expected a known key, got "batch_size" — did you mean batchSize?',
    ],
    [`${CSV}training: {batchSize: -3}`, `: training.batchSize: ${WHOLE}, got -3 — change it`],
    [`${CSV}training: {batchSize: 1.5}`, `: training.batchSize: ${WHOLE}, got 1.5 — change it`],
    [`${CSV}training: {draws: 0}`, `: training.draws: ${WHOLE}, got 0 — change it`],
    [`${CSV}training: {epochs: "10"}`, `: training.epochs: ${WHOLE}, got "10" — write it without quotes`],
    [`${CSV}training: {epochs: 1e400}`, `: training.epochs: ${WHOLE}, got 1e400 — change it`],
    [
      `${CSV}training: {draws: 0, epochs: -1}`,
      `: training.epochs: ${WHOLE}, got -1 — change it (and 1 more problem)`,
    ],
    [
      `${CSV}training: {draws: 0, epoch: 1, foo: 2}`,
      ': training.epoch: expected a known key, got "epoch" — did you mean epochs? (and 2 more problems)',
    ],
    [
      `${CSV}training: {klWeighting: blundel}`,
      `: training.klWeighting: ${KL}, got "blundel" — did you mean blundell?`,
    ],
    [
      `${CSV}training: {klWeighting: warmup}`,
      `: training.klWeighting: ${KL}, got "warmup" — write { kind: warmup, epochs: … }`,
    ],
    [
      `${CSV}training: {klWeighting: {kind: blundel}}`,
      ': training.klWeighting.kind: expected uniform, blundell, warmup, cyclical or tempered, got "blundel" — did you mean blundell?',
    ],
    [
      `${CSV}training: {klWeighting: {kind: uniform, epochs: 3}}`,
      ': training.klWeighting.epochs: expected a known key, got "epochs" — known here: kind',
    ],
    [
      `${CSV}training: {optimizer: sgd}`,
      ': training.optimizer: expected adam, adamW, ivon or sgd, by name or as a map with kind and options, got "sgd" — write { kind: sgd, learningRate: … }',
    ],
    [
      `${CSV}training: {diagnostics: {every: often}}`,
      ': training.diagnostics.every: expected auto or a whole number of at least 0, got "often" — change it',
    ],
    [
      `${CSV}training: {diagnostics: {every: -1}}`,
      ': training.diagnostics.every: expected auto or a whole number of at least 0, got -1 — change it',
    ],
    [
      `${CSV}logging: {tensorboard: runs}`,
      ': logging.tensorboard: expected true or false, got "runs" — change it',
    ],
    [
      `${CSV}logging: {tensorbord: true}`,
      ': logging.tensorbord: expected a known key, got "tensorbord" — did you mean tensorboard?',
    ],
    [
      `${CSV}training: {klWeighting: {kind: warmup}}`,
      `: training.klWeighting.epochs: expected a number above 0, ${ADD}`,
    ],
    [
      `${CSV}training: {estimator: reparametrization}`,
      `: training.estimator: expected ${listed(Object.keys(ESTIMATORS))}, by name or as a map with kind and options, got "reparametrization" — did you mean reparameterization?`,
    ],
    [
      `${CSV}training: {optimizer: {kind: adm}}`,
      ': training.optimizer.kind: expected adam, adamW, ivon or sgd, got "adm" — did you mean adam?',
    ],
    [
      `${CSV}training: {optimizer: {kind: sgd}}`,
      `: training.optimizer.learningRate: expected a number above 0, ${ADD}`,
    ],
    [
      `${CSV}training: {optimizer: {kind: adam, learningRate: .nan}}`,
      ': training.optimizer.learningRate: expected a number above 0, got .nan — change it',
    ],
    [
      `${CSV}training: {optimizer: {kind: adam, beta1: 1}}`,
      ': training.optimizer.beta1: expected a number of at least 0 and below 1, got 1 — change it',
    ],
    [
      `${CSV}training: {schedule: {kind: cosine, finalFraction: 2}}`,
      ': training.schedule.finalFraction: expected a number from 0 to 1, got 2 — change it',
    ],
    [
      `${CSV}training: {initialRho: 0, initialSigma: 1}`,
      ': training.initialSigma: expected no initialSigma next to initialRho, got 1 — keep one of the two',
    ],
    [
      `${CSV}training:`,
      ': training: expected a map with keys epochs, batchSize, draws, estimator, optimizer, schedule, klWeighting, gradientClip, classWeights, initialRho, ' +
        'initialSigma, diagnostics, earlyStopping, select, got null — fill it in or remove the key',
    ],
    [
      `${CSV}seed: 9007199254740993`,
      `: seed: expected ${SEED}, got 9007199254740993 — quote it to use it as a string`,
    ],
    [`${CSV}seed: true`, `: seed: expected ${SEED}, got true — quote it to use it as a string`],
    [`${CSV}seed: 1.5`, `: seed: expected ${SEED}, got 1.5 — quote it to use it as a string`],
    [`${CSV}seed: [1]`, `: seed: expected ${SEED}, got a list of 1 — quote it to use it as a string`],
    [`${CSV}seed: ""`, `: seed: expected ${SEED}, got "" — quote it to use it as a string`],
    [`${CSV}seed: ~`, `: seed: expected ${SEED}, got null — quote it to use it as a string`],
    [`${CSV}model: {hiddenSizes: [4, -1]}`, `: model.hiddenSizes[1]: ${WHOLE}, got -1 — change it`],
    [
      `${CSV}model: {hiddenSizes: 5}`,
      ': model.hiddenSizes: expected a list of whole numbers of at least 1, got 5 — change it',
    ],
    [
      `${CSV}model: {activation: tahn}`,
      ': model.activation: expected identity, relu, tanh, sigmoid, gelu or silu, got "tahn" — did you mean tanh?',
    ],
    [
      `${CSV}prior: {kind: horseshoe}`,
      ': prior.kind: expected gaussian, laplace, learnedScale or scaleMixture, got "horseshoe" — change it',
    ],
    [
      `${CSV}prior: {kind: scaleMixture, pi: 1}`,
      ': prior.pi: expected a number between 0 and 1, both excluded, got 1 — change it',
    ],
    [
      `${CSV}prior: {kind: gaussian, sigma: 0}`,
      ': prior.sigma: expected a standard deviation from 0.000001 to 1000000, got 0 — change it',
    ],
    [
      `${CSV}likelihood: {kind: gaussian, scale: fixed}`,
      ': likelihood.scale: expected learned or a standard deviation above 0, got "fixed" — change it',
    ],
    [
      `${CSV}likelihood: categorial`,
      ': likelihood: expected categorical, bernoulli, gaussian, heteroscedastic, negativeBinomial, poisson or studentT, by name or as a map with kind and options, got "categorial" — did you mean categorical?',
    ],
    [
      'data: {kind: csv, path: a, task: regression}\nlikelihood: {kind: categorical}',
      ': likelihood.kind: expected gaussian, heteroscedastic, negativeBinomial, poisson or studentT for regression, got "categorical" — change it or the data',
    ],
    [
      'data: {kind: idx, dir: a}\nlikelihood: {kind: gaussian}',
      ': likelihood.kind: expected categorical for idx data, got "gaussian" — change it or the data',
    ],
    [
      `${CSV}training: {earlyStopping: {patience: 5}}`,
      ': data.validation: expected rows to judge epochs on for training.earlyStopping, got none — add for example validation: 100',
    ],
    [
      `${CSV}training: {select: best}`,
      ': data.validation: expected rows to judge epochs on for training.select, got none — add for example validation: 100',
    ],
    [
      'data: {kind: csv, path: a, validation: 9}\ntraining: {earlyStopping: {}}',
      `: training.earlyStopping.patience: ${WHOLE}, got nothing — add it`,
    ],
    [
      'data: {kind: csv, path: a, validation: 9}\ntraining: {earlyStopping: {patience: 5, metric: error}}',
      ': training.earlyStopping.metric: expected nll, rmse, mae for a gaussian likelihood, got "error" — use one of these',
    ],
    [
      'data: {kind: csv, path: a, validation: 9}\ntraining: {earlyStopping: {patience: 5, metric: rsme}}',
      ': training.earlyStopping.metric: expected nll, error, brier, ece, rmse or mae, got "rsme" — did you mean rmse?',
    ],
    [
      'data: {kind: csv, path: a, validation: 9}\ntraining: {select: {kind: best, metric: ece}}',
      ': training.select.metric: expected nll, rmse, mae for a gaussian likelihood, got "ece" — use one of these',
    ],
    [
      'data: {kind: idx, dir: a, standardize: both}',
      ': data.standardize: expected features or none for classes, got "both" — classes cannot be shifted or scaled',
    ],
    [
      'data: {kind: csv, path: a, delimiter: ab}',
      ': data.delimiter: expected one character, tab or whitespace, got "ab" — change it',
    ],
    [
      'data: {kind: csv, path: a, header: 1}',
      ': data.header: expected true, false, auto or skip, got 1 — change it',
    ],
    [
      'data: {kind: csv, path: a, validation: 1.5}',
      `: data.validation: ${WHOLE}, or a part between 0 and 1, got 1.5 — change it`,
    ],
    [
      'data: {kind: csv, path: a, testFraction: 1}',
      ': data.testFraction: expected a number between 0 and 1, both excluded, got 1 — change it',
    ],
    [
      'data: {kind: csv, path: a, testFraction: 0.2, testIndices: b}',
      ': data.testFraction: expected no testFraction next to testIndices, got 0.2 — keep one of the two',
    ],
    [
      'data: {kind: csv, path: a, features: b.txt}',
      ': data.features: expected a list of column names or numbers, or { file: a file with column numbers }, got "b.txt" — change it',
    ],
    [
      'data: {kind: csv, path: a, target: {fil: b}}',
      ': data.target.fil: expected a known key, got "fil" — did you mean file? (and 1 more problem)',
    ],
    [
      'data: {kind: csv, path: a, features: [a, true]}',
      ': data.features[1]: expected the name of a column or its number (0 is the first, -1 the last), got true — change it',
    ],
    [
      'data: {kind: synthetic, low: 1}',
      ': data.high: expected a number above low (1), got 0.5 — change one of the two',
    ],
    [`${CSV}checkpoint: {everySteps: 0}`, `: checkpoint.everySteps: ${WHOLE}, got 0 — change it`],
    [
      `${CSV}checkpoint: {everyMinutes: 0}`,
      ': checkpoint.everyMinutes: expected a number above 0, got 0 — change it',
    ],
    [`${CSV}checkpoint: {keep: 0}`, `: checkpoint.keep: ${WHOLE}, got 0 — change it`],
    [
      `${CSV}checkpoint: {everyStep: 5}`,
      ': checkpoint.everyStep: expected a known key, got "everyStep" — did you mean everySteps?',
    ],
    [`${CSV}prediction: {draws: 0}`, `: prediction.draws: ${WHOLE}, got 0 — change it`],
    [
      `${CSV}prediction: {quantiles: [0.5, 0.1]}`,
      ': prediction.quantiles[1]: expected a level above 0.5, got 0.1 — list the levels in rising order',
    ],
    ['a: 1\na: 2', ':2:1: expected YAML or JSON, got Map keys must be unique — correct the syntax there'],
    [
      'a:\n\tb: 1',
      ':2:1: expected YAML or JSON, got Tabs are not allowed as indentation — correct the syntax there',
    ],
    [
      'data: [1',
      ':1:9: expected YAML or JSON, got Flow sequence in block collection must be sufficiently indented and end with a ] — correct the syntax there',
    ],
    [
      'data: !!js x',
      ':1:7: expected YAML or JSON, got Unresolved tag: tag:yaml.org,2002:js — correct the syntax there',
    ],
    ['['.repeat(100_000), ': expected a config of at most 65536 bytes, got 100000 — is it the right file?'],
    ['['.repeat(60_000), ': expected at most 256 brackets, got 60000 — is it the right file?'],
  ])('%j', (text, expected) => {
    expect(messageOf(() => parseConfig(text, 'config.yaml'))).toBe(`config.yaml${expected}`);
  });

  it('names what is wrong with the file itself', () => {
    const missing = join(scratch, 'none.yaml');
    expect(messageOf(() => readConfig(missing))).toBe(
      `${missing}: expected a config file, got no such file — check the path`,
    );
    expect(messageOf(() => readConfig(scratch))).toBe(
      `${scratch}: expected a config file, got a directory — name a file in it`,
    );
    const binary = join(scratch, 'binary.yaml');
    writeFileSync(binary, Uint8Array.of(0xff, 0xfe, 0));
    expect(messageOf(() => readConfig(binary))).toBe(
      `${binary}: expected a config file, got bytes that are not UTF-8 text — is it the right file?`,
    );
    const large = join(scratch, 'large.yaml');
    writeFileSync(large, ' '.repeat(65_537));
    expect(messageOf(() => readConfig(large))).toBe(
      `${large}: expected a config file of at most 65536 bytes, got 65537 — is it the right file?`,
    );
  });

  it('stops aliases that multiply', () => {
    const bomb = `a: &a [x]\n${'bcdefghijk'
      .split('')
      .map((c, i) => `${c}: &${c} [${`*${'abcdefghij'[i]},`.repeat(9)}]`)
      .join('\n')}`;
    expect(messageOf(() => parseConfig(bomb, 'c.yaml'))).toBe(
      'c.yaml: expected YAML or JSON, got Excessive alias count indicates a resource exhaustion attack — write it without aliases and deep nesting',
    );
  });
});

describe('fuzz', () => {
  it('any mutation of a config gives a config or one line', () => {
    const base = formatConfig(
      parseConfig(`${CSV}training: {klWeighting: {kind: warmup, epochs: 3}}`, 'c.yaml'),
    );
    const pieces = [
      '[',
      ']',
      '{',
      '}',
      ':',
      '- ',
      '? ',
      '&a',
      '*a',
      '!!',
      '|\n',
      '>',
      '"',
      "'",
      '\n',
      '\t',
      '\0',
      '~',
      '.nan',
      '%',
      '---\n',
      '\ud800',
      '<<: ',
      '__proto__: ',
    ];
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.nat(base.length), fc.nat(6), fc.oneof(fc.constantFrom(...pieces), fc.string())),
          { minLength: 1, maxLength: 5 },
        ),
        (edits) => {
          let text = base;
          for (const [at, drop, add] of edits) text = text.slice(0, at) + add + text.slice(at + drop);
          try {
            parseConfig(text, 'c.yaml');
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
            expect((error as Error).message).toMatch(/^c\.yaml[^\n\r\u2028\0]*: expected .+, got .+ — .+$/u);
            expect((error as Error).message.length).toBeLessThan(500);
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  // In a process of its own: what never ends cannot be stopped, nor what runs out of memory be caught, in this one.
  it('the limit of bytes full of any indicator is refused, one text after the other, by a process that lives', () => {
    const pieces = [
      '- ',
      '? ',
      '?\n',
      ': ',
      '! ',
      'a: ',
      '*a ',
      '? a\n',
      '|',
      '%',
      '- - ? ',
      '? &a ',
      '-\n ',
    ];
    const script = `
      import { parseConfig } from ${JSON.stringify(pathToFileURL('dist/experiment/config/config.js').href)};
      for (const piece of ${JSON.stringify(pieces)}) {
        try {
          parseConfig(piece.repeat(Math.floor(65_536 / piece.length)), 'c.yaml');
        } catch (error) {
          console.log(JSON.stringify([piece, error.name, error.message]));
        }
      }`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    const told = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as [piece: string, name: string, message: string]);
    expect(told.map(([piece]) => piece)).toEqual(pieces);
    for (const [, name, message] of told) {
      expect(name).toBe('ConfigError');
      expect(message).toMatch(/^c\.yaml[^\n]*: expected [^\n]+$/);
    }
  }, 150_000);

  it.each([257, 5000])('%i lists in one line are refused before they are parsed', (depth) => {
    expect(messageOf(() => parseConfig(`a: 1\nb:\n${'- '.repeat(depth)}1`, 'c.yaml'))).toBe(
      `c.yaml:3: expected at most 256 dashes and question marks in a line, got ${depth} — is it the right file?`,
    );
  });
});
