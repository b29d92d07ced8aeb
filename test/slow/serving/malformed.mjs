// @ts-check
// Malformed requests by number: request n is the same on every machine. Each is sent on a connection of its own, as bytes, and the answer is held
// to what every answer must be. Used by test/serve/malformed.test.ts with some hundreds, by test/slow/serve.mjs with many thousands.

import { connect } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

/** A generator of numbers from 0 to 1 (mulberry32). @param {number} seed */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class Chance {
  /** @param {number} seed */
  constructor(seed) {
    this.next = generator(seed);
  }
  /** From 0 to below `n`. @param {number} n */
  below(n) {
    return Math.floor(this.next() * n);
  }
  /** @template T @param {readonly T[]} items @returns {T} */
  of(items) {
    return items[this.below(items.length)];
  }
  /** @param {number} length */
  bytes(length) {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/** @param {number} depth */
const nest = (depth) => '['.repeat(depth) + ']'.repeat(depth);

const STRANGE = [
  null,
  true,
  false,
  '',
  ' ',
  'x',
  'NaN',
  '__proto__',
  '\u0000',
  '\ud800',
  'é'.repeat(300),
  [],
  {},
  [[]],
  [[[[1]]]],
  [null],
  { a: 1 },
  0,
  -0,
  -1,
  0.5,
  1e300,
  -1e300,
  5e-324,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  Number.MAX_VALUE,
  [1, 'a'],
  [1, [2]],
  { __proto__: null, length: 5 },
  { toString: 1 },
  Array(100).fill(0),
  Array(5).fill([0]),
];
const NAMES = [
  'x',
  'mean',
  'draws',
  'quantiles',
  'label',
  '__proto__',
  'constructor',
  'toString',
  '',
  'X',
  'x\n',
  '../x',
  'binary_data_size',
  'triton_a',
  'sequence_id',
  'id',
];
const TYPES = ['FP64', 'FP32', 'INT8', 'INT64', 'UINT64', 'BYTES', 'BOOL', 'FP16', 'fp64', '', null, 64];

/** A request that is right but for what follows. @param {Chance} chance */
function right(chance) {
  const rows = 1 + chance.below(4);
  return {
    id: 'a',
    inputs: [
      {
        name: 'x',
        shape: [rows, 2],
        datatype: chance.of(['FP64', 'FP32']),
        data: Array.from({ length: 2 * rows }, () => chance.below(9) / 4),
      },
    ],
    outputs: chance.below(2) === 0 ? undefined : [{ name: 'mean' }],
    parameters: { draws: 1 + chance.below(8), mode: chance.of(['sample', 'marginal', 'mean']) },
  };
}

/** Replaces, adds or removes something somewhere. @param {Chance} chance @param {any} value @returns {any} */
function changed(chance, value) {
  if (typeof value !== 'object' || value === null || chance.below(6) === 0) return chance.of(STRANGE);
  if (Array.isArray(value)) {
    const copy = [...value];
    const at = chance.below(copy.length + 1);
    if (at === copy.length || chance.below(4) === 0) copy.splice(at, chance.below(2), chance.of(STRANGE));
    else copy[at] = changed(chance, copy[at]);
    return copy;
  }
  const keys = Object.keys(value);
  const key = chance.below(4) === 0 ? chance.of(NAMES) : chance.of(keys.length === 0 ? NAMES : keys);
  const copy = { ...value };
  if (chance.below(6) === 0) delete copy[key];
  else if (key === 'datatype') copy[key] = chance.of(TYPES);
  else if (key === 'name') copy[key] = chance.of(NAMES);
  else if (key === 'shape')
    copy[key] = Array.from({ length: chance.below(5) }, () =>
      chance.of([0, 1, 2, -1, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, 3, 0.5, '2']),
    );
  else
    Object.defineProperty(copy, key, {
      value: changed(chance, copy[key]),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return copy;
}

/** @typedef {{ method?: string, path?: string, headers?: string[], body?: Buffer, length?: string | null, raw?: Buffer, breaks?: boolean }} Attack */

/** Kinds of attacks; `breaks` says that there may be no answer, for the connection is broken off or never made sense. */
/** @type {Record<string, (chance: Chance) => Attack>} */
export const ATTACKS = {
  structure: (chance) => {
    let value = right(chance);
    for (let n = 1 + chance.below(3); n > 0; n--) value = changed(chance, value);
    return { body: Buffer.from(JSON.stringify(value) ?? '') };
  },
  bytes: (chance) => {
    const body = Buffer.from(JSON.stringify(right(chance)));
    for (let n = 1 + chance.below(4); n > 0; n--) body[chance.below(body.length)] = chance.below(256);
    return { body: chance.below(3) === 0 ? body.subarray(0, chance.below(body.length)) : body };
  },
  numbers: (chance) => {
    const text = JSON.stringify(right(chance));
    const odd = chance.of([
      'NaN',
      'Infinity',
      '-Infinity',
      '1e999',
      '-1e999',
      '01',
      '1.',
      '.5',
      '0x10',
      '1e',
      '--1',
      '1_000',
      'null',
      '"1"',
    ]);
    return { body: Buffer.from(text.replace(/\d+(?:\.\d+)?(?=[\],])/, odd)) };
  },
  depth: (chance) => {
    const deep = nest(chance.of([40, 1000, 20_000]));
    const text = chance.of([
      deep,
      `{"inputs":${deep}}`,
      `{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":${deep}}]}`,
      `{"parameters":{"quantiles":${deep}},"inputs":1}`,
      '['.repeat(5000),
      '{"a":'.repeat(5000),
    ]);
    return { body: Buffer.from(text) };
  },
  binary: (chance) => {
    const sizes = [0, 8, 15, 16, 17, 24, -1, 0.5, 2 ** 31, 2 ** 53, '16', null];
    const input = {
      name: 'x',
      shape: [1, 2],
      datatype: chance.of(TYPES),
      parameters: { binary_data_size: chance.of(sizes) },
    };
    const json = Buffer.from(
      JSON.stringify({ inputs: chance.below(4) === 0 ? [input, { ...input, name: 'y' }] : [input] }),
    );
    const body = Buffer.concat([json, chance.bytes(chance.of([0, 1, 8, 15, 16, 17, 40]))]);
    const header = chance.of([
      json.length,
      json.length,
      json.length,
      json.length - 1,
      json.length + 1,
      0,
      -1,
      2 ** 40,
      'a',
      '',
      '1e2',
      body.length + 1,
    ]);
    return { body, headers: [`Inference-Header-Content-Length: ${header}`] };
  },
  texts: (chance) => {
    const parts = [
      Buffer.from([4, 0, 0, 0]),
      chance.bytes(chance.below(8)),
      Buffer.from([255, 255, 255, 255]),
    ];
    const tail = Buffer.concat(parts.slice(0, 1 + chance.below(3)));
    const json = Buffer.from(
      JSON.stringify({
        inputs: [
          {
            name: chance.of(['color', 'x']),
            shape: [1 + chance.below(2)],
            datatype: 'BYTES',
            parameters: { binary_data_size: tail.length },
          },
        ],
      }),
    );
    return {
      body: Buffer.concat([json, tail]),
      headers: [`Inference-Header-Content-Length: ${json.length}`],
    };
  },
  floats: (chance) => {
    const json = Buffer.from(
      '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","parameters":{"binary_data_size":16}}]}',
    );
    const values = Float64Array.from({ length: 2 }, () =>
      chance.of([Number.NaN, Infinity, -Infinity, 1e300, 5e-324, 1]),
    );
    return {
      body: Buffer.concat([json, Buffer.from(values.buffer)]),
      headers: [`Inference-Header-Content-Length: ${json.length}`],
    };
  },
  compressed: (chance) => {
    const plain = Buffer.from(JSON.stringify(right(chance)));
    const [coding, compress] = chance.of(
      /** @type {const} */ ([
        ['gzip', gzipSync],
        ['deflate', deflateSync],
        ['br', brotliCompressSync],
      ]),
    );
    let body = compress(chance.below(3) === 0 ? Buffer.alloc(8 << 20, 32) : plain);
    const damage = chance.of(['cut', 'flip', 'none', 'none']);
    if (damage === 'cut') body = body.subarray(0, chance.below(body.length));
    if (damage === 'flip') body[chance.below(body.length)] ^= 1 << chance.below(8);
    const said =
      chance.below(4) === 0 ? chance.of(['gzip', 'zstd', 'gzip, gzip', 'identity', '', 'GZIP', '*']) : coding;
    return { body, headers: [`Content-Encoding: ${said}`] };
  },
  paths: (chance) => {
    const odd = chance.of([
      '..',
      '%2e%2e',
      '%2e%2e%2f',
      '%00',
      '%',
      '%zz',
      '..%5c',
      '//',
      'x'.repeat(600),
      'x'.repeat(9000),
      '__proto__',
      'constructor',
      '%F0%28%8C%28',
      'pair;a',
      'pair?x=1#y',
      '%70air',
      ' ',
      'pair%20',
      'ü',
    ]);
    const path = chance.of([
      `/v2/models/${odd}/infer`,
      `/${odd}`,
      `/v2/models/pair/versions/${odd}/infer`,
      `/v2/${odd}/../models/pair/infer`,
      `/v2/repository/models/${odd}/load`,
      `/v2/repository/models/${odd}/unload`,
      `http://other/${odd}`,
      `/v2/models/${odd}/stats`,
      '*',
      '',
    ]);
    return {
      path,
      method: chance.of(['POST', 'GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']),
      breaks: true,
      body: Buffer.from('{}'),
    };
  },
  repository: (chance) => ({
    path: chance.of([
      '/v2/repository/index',
      '/v2/repository/models/nobody/load',
      '/v2/repository/models/nobody/unload',
    ]),
    body: Buffer.from(
      chance.of([
        '',
        '{',
        '[]',
        'null',
        '{"ready":1}',
        '{"parameters":{"config":"x"}}',
        '{"parameters":{"file:1/a":"x"}}',
        '{"a":1}',
        nest(3000),
      ]),
    ),
  }),
  smuggled: (chance) => {
    const headers = chance.of([
      ['Transfer-Encoding: chunked'],
      ['Transfer-Encoding: chunked', 'Content-Length: 5'],
      ['Content-Length: 5', 'Content-Length: 6'],
      ['Content-Length: -1'],
      ['Content-Length: 1e3'],
      ['Content-Length: 99999999999999999999'],
      ['Transfer-Encoding: xchunked'],
      ['Transfer-Encoding : chunked'],
      ['Expect: 200-maybe', 'Content-Length: 0'],
      ['Upgrade: websocket', 'Connection: Upgrade', 'Content-Length: 0'],
      ['X: a\u0000b', 'Content-Length: 0'],
      [' folded: yes', 'Content-Length: 0'],
      [`X-Long: ${'a'.repeat(20_000)}`, 'Content-Length: 0'],
      ['Host: a', 'Host: b', 'Content-Length: 0'],
      ['Authorization: Bearer \u00e9', 'Content-Length: 0'],
      [`X-Request-Id: ${'a\tb'}`, 'Content-Length: 0'],
      ['Accept-Encoding: ,,;q=,gzip;q=a', 'Content-Length: 2'],
    ]);
    return {
      headers: [...headers],
      length: null,
      body: Buffer.from(
        chance.of(['0\r\n\r\n', '5\r\n{"a":\r\n0\r\n\r\n', 'zz\r\n', 'FFFFFFFFFFFFFFFFF\r\n', '{}', '']),
      ),
      breaks: true,
    };
  },
  lengths: (chance) => {
    const body = Buffer.from(JSON.stringify(right(chance)));
    return {
      body,
      length: String(chance.of([0, 1, body.length - 1, body.length + 1, body.length + 1000])),
      breaks: true,
    };
  },
  noise: (chance) => ({ raw: chance.bytes(1 + chance.below(200)), breaks: true }),
};

/** @param {Attack} attack */
function bytesOf({
  method = 'POST',
  path = '/v2/models/pair/infer',
  headers = [],
  body = Buffer.alloc(0),
  length = String(body.length),
  raw,
}) {
  if (raw !== undefined) return raw;
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: close',
    ...headers,
    ...(length === null ? [] : [`Content-Length: ${length}`]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/**
 * Everything that comes back until the other side ends.
 * @param {number} port @param {Buffer} bytes @returns {Promise<Buffer>}
 */
function exchange(port, bytes) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const parts = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error('expected an answer or the end of the connection, got neither in 20 s'));
    }, 20_000);
    const end = () => {
      clearTimeout(timer);
      resolve(Buffer.concat(parts));
    };
    socket.on('data', (part) => parts.push(part));
    socket.on('close', end);
    socket.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      // An answer may come before all was read: what was sent after it is refused by the system.
      if (error.code === 'ECONNREFUSED') reject(error);
    });
  });
}

/** What is wrong with an answer, or null. @param {Buffer} bytes @param {Attack} attack */
function flaw(bytes, attack) {
  if (bytes.length === 0) return attack.breaks ? null : 'no answer';
  const text = bytes.toString();
  const [, status, head, body] =
    /^HTTP\/1\.1 (\d{3})[^\r\n]*\r\n([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(text) ?? [];
  if (status === undefined) return `no HTTP: ${text.slice(0, 200)}`;
  if (status === '101' || status === '100') return null;
  if (Number(status) >= 500 && !['503', '504'].includes(status)) return `status ${status}: ${body}`;
  if (attack.method === 'HEAD' || Number(status) < 400) return null;
  if (!/^content-type: application\/json\r?$/im.test(head)) return `no JSON type with ${status}: ${head}`;
  /** @type {any} */
  let parsed;
  try {
    // What follows on the same connection, to bytes behind the first request, is an answer of its own.
    parsed = JSON.parse(body.split('HTTP/1.1 ')[0]);
  } catch {
    return `no JSON with ${status}: ${body.slice(0, 200)}`;
  }
  if (typeof parsed?.error !== 'string' || Object.keys(parsed).length !== 1)
    return `no error with ${status}: ${body}`;
  if (!/^[^\n]+: expected [^\n]+, got [^\n]+ — [^\n]+$/.test(parsed.error))
    return `not in the form of errors: ${parsed.error}`;
  return null;
}

/**
 * Sends malformed requests from `first` on, and returns how many answers of each status came and what was wrong.
 * @param {number} port
 * @param {{ count: number, first?: number, atOnce?: number, only?: string[] }} options
 */
export async function attack(port, { count, first = 0, atOnce = 8, only = Object.keys(ATTACKS) }) {
  /** @type {Record<string, number>} */
  const statuses = {};
  /** @type {string[]} */
  const flaws = [];
  let next = first;
  const client = async () => {
    while (next < first + count) {
      const n = next++;
      const kind = only[n % only.length];
      const request = ATTACKS[kind](new Chance(n));
      const bytes = bytesOf(request);
      const answer = await exchange(port, bytes);
      const status = /^HTTP\/1\.1 (\d{3})/.exec(answer.toString('latin1', 0, 20))?.[1] ?? 'none';
      statuses[status] = (statuses[status] ?? 0) + 1;
      const found = flaw(answer, request);
      if (found !== null && flaws.length < 20)
        flaws.push(
          `request ${n} (${kind}): ${found}\n  sent: ${JSON.stringify(bytes.toString('latin1').slice(0, 400))}`,
        );
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  return { statuses, flaws };
}
