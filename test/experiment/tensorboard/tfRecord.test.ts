// CRC-32C against published vectors, and the frame around a record, byte by byte.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c, frameRecord, maskedCrc32c } from '../../../src/experiment/tensorboard/tfRecord.ts';

const bytes = (count: number, of: (i: number) => number) =>
  Uint8Array.from({ length: count }, (_, i) => of(i));

// RFC 3720, appendix B.4, whose lists of bytes are the CRC from its least significant byte on.
const READ_10 = Uint8Array.from(
  (
    '01c00000 00000000 00000000 00000000 14000000 00000400 00000014 00000018 ' +
    '28000000 00000000 02000000 00000000'
  )
    .replaceAll(' ', '')
    .match(/../g)!
    .map((byte) => Number.parseInt(byte, 16)),
);

test.each([
  ['32 bytes of zeroes', bytes(32, () => 0), 0x8a9136aa],
  ['32 bytes of ones', bytes(32, () => 0xff), 0x62a8ab43],
  ['32 bytes of incrementing 00..1f', bytes(32, (i) => i), 0x46dd794e],
  ['32 bytes of decrementing 1f..00', bytes(32, (i) => 31 - i), 0x113fdb5c],
  ['an iSCSI SCSI Read (10) Command PDU', READ_10, 0xd9963a56],
  ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(), 0],
])('crc32c of %s', (_, data, crc) => {
  expect(crc32c(data)).toBe(crc);
});

test('a single changed bit changes the CRC', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (data, at) => {
      const changed = data.slice();
      changed[(at >>> 3) % data.length] ^= 1 << (at & 7);
      expect(crc32c(changed)).not.toBe(crc32c(data));
    }),
  );
});

test('the mask can be taken off again', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (data) => {
      const rotated = (maskedCrc32c(data) - 0xa282ead8) >>> 0;
      expect(((rotated >>> 17) | (rotated << 15)) >>> 0).toBe(crc32c(data));
    }),
  );
});

test('a record is length, CRC of the length, data, CRC of the data, little-endian', () => {
  const data = Uint8Array.of(1, 2, 3);
  const record = frameRecord(data);
  const view = new DataView(record.buffer);
  expect(record).toHaveLength(8 + 4 + 3 + 4);
  expect([...record.subarray(0, 8)]).toEqual([3, 0, 0, 0, 0, 0, 0, 0]);
  expect(view.getUint32(8, true)).toBe(maskedCrc32c(record.subarray(0, 8)));
  expect([...record.subarray(12, 15)]).toEqual([1, 2, 3]);
  expect(view.getUint32(15, true)).toBe(maskedCrc32c(data));
});
