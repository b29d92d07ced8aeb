// The text of a file as UTF-8, whatever it was written in: UTF-8, UTF-16 with its byte order mark, or Windows-1252 where that is said.

import { isUtf8 } from 'node:buffer';
import { contentWhole, type DataFile } from '../files.ts';
import { fail } from '../message.ts';
import { type Authority, setting } from './authority.ts';

export const ENCODINGS = ['utf-8', 'utf-16', 'windows-1252'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** The characters of Windows-1252 from 0x80 to 0x9f, where it is not Latin-1; five bytes stand for none. */
const WINDOWS = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/**
 * The content of a file as UTF-8.
 * @param format encoding default: UTF-16 where a byte order mark says so, else UTF-8
 * @throws DataError at the line of the first byte that is no text
 */
export function utf8Content(
  file: DataFile,
  {
    encoding,
    authority,
  }: { readonly encoding?: Encoding | undefined; readonly authority?: Authority | undefined } = {},
): Buffer {
  const content = contentWhole(file);
  const wide = utf16(content);
  if (wide !== null || encoding === 'utf-16') return fromUtf16(file, content, wide ?? 'utf-16le');
  if (encoding === 'windows-1252') {
    const text = content.toString('latin1');
    return Buffer.from(text.replace(/[\x80-\x9f]/g, (c) => WINDOWS[c.charCodeAt(0) - 0x80]));
  }
  if (!isUtf8(content)) {
    const set = setting('encoding', 'windows-1252', authority);
    const next = `save the file as UTF-8${set === null ? '' : `, or ${set} if an older Excel wrote it`}`;
    fail(`${file.where}: line ${lineOfBadUtf8(content)}`, 'UTF-8 text', 'bytes that are not UTF-8', next);
  }
  return content;
}

function utf16(content: Buffer): 'utf-16le' | 'utf-16be' | null {
  if (content[0] === 0xff && content[1] === 0xfe) return 'utf-16le';
  return content[0] === 0xfe && content[1] === 0xff ? 'utf-16be' : null;
}

function fromUtf16(file: DataFile, content: Buffer, order: 'utf-16le' | 'utf-16be'): Buffer {
  try {
    return Buffer.from(new TextDecoder(order, { fatal: true }).decode(content));
  } catch {
    const next = 'the file is damaged or cut off: get it again';
    return fail(file.where, 'UTF-16 text', 'bytes that are not UTF-16', next);
  }
}

function lineOfBadUtf8(content: Buffer): number {
  let line = 1;
  for (let from = 0; ; line++) {
    const end = content.indexOf(10, from);
    if (end < 0 || !isUtf8(content.subarray(from, end))) return line;
    from = end + 1;
  }
}
