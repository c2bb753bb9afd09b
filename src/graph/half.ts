// Numbers as half-precision bits (IEEE 754 binary16): what graphs hold as constants, and buffers of float16 are made of.

const single = new Float32Array(1);
const word = new Uint32Array(single.buffer);

/** The nearest half's bits, ties to even; infinity from 65520 on. */
export function halfBits(value: number): number {
  single[0] = value;
  const sign = (word[0]! >>> 16) & 0x8000;
  const magnitude = word[0]! & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Exponent rebased from 127 to 15, 13 bits of fraction rounded away.
  if (magnitude >= 0x38800000)
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below 2^-14 halves lie 2^-24 apart, as floats do between 0.5 and 1: the addition rounds to them.
  single[0] = Math.abs(single[0]) + 0.5;
  return sign | (word[0]! - 0x3f000000);
}
