// TFRecord framing: length, masked checksum of the length, data, masked checksum of the data. Knows nothing of the data.

/** The bytes of one record in its frame; integers are little-endian. */
export function frameRecord(data: Uint8Array): Uint8Array {
  const framed = new Uint8Array(data.byteLength + 16);
  const view = new DataView(framed.buffer);
  view.setBigUint64(0, BigInt(data.byteLength), true);
  view.setUint32(8, maskedChecksum(framed.subarray(0, 8)), true);
  framed.set(data, 12);
  view.setUint32(12 + data.byteLength, maskedChecksum(data), true);
  return framed;
}

/** CRC-32C, rotated right by 15 bits and moved by a constant, so that checksums of data with checksums stay useful. */
function maskedChecksum(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** CRC-32 with Castagnoli's polynomial, reflected (RFC 3720, appendix B.4). */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
