/**
 * The UTF-8 bytes of a well-formed text. Pure packages have no TextEncoder; the result is the same.
 * Lone surrogates become three bytes of their own here: `canonicalJson` refuses them before.
 * @see RFC 3629, section 3.
 */
export function utf8(text: string): Uint8Array {
  // A UTF-16 unit never takes more than three bytes.
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) {
      bytes[length++] = point;
      continue;
    }
    if (point < 0x800) {
      bytes[length++] = 0xc0 | (point >> 6);
    } else {
      if (point < 0x10000) {
        bytes[length++] = 0xe0 | (point >> 12);
      } else {
        bytes[length++] = 0xf0 | (point >> 18);
        bytes[length++] = 0x80 | ((point >> 12) & 0x3f);
      }
      bytes[length++] = 0x80 | ((point >> 6) & 0x3f);
    }
    bytes[length++] = 0x80 | (point & 0x3f);
  }
  return bytes.subarray(0, length);
}
