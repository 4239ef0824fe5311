// The text of a reply that grows by pieces at byte offsets, which may repeat what is known.
// @ts-check

const encoder = new TextEncoder();

/** @returns {GrowingText} */
export const emptyText = () => ({ text: '', bytes: 0 });

/**
 * Adds the part of a piece that is not known. `offset` is in UTF-8 bytes. A different beginning is that of another attempt, which
 * replaces the text. Returns null if bytes before the offset are missing, or if it is within a character.
 *
 * @param {GrowingText} known
 * @param {number} offset
 * @param {string} piece
 * @returns {GrowingText | null}
 */
export function splice(known, offset, piece) {
  const bytes = offset + encoder.encode(piece).length;
  if (offset === 0 && !known.text.startsWith(piece)) return { text: piece, bytes };
  if (offset > known.bytes) return null;
  if (bytes <= known.bytes) return known;
  const before = offset === known.bytes ? known.text : firstBytes(known.text, offset);
  return before === null ? null : { text: before + piece, bytes };
}

/** Returns the text in the first bytes of `text`, or null if they end within a character. */
function firstBytes(/** @type {string} */ text, /** @type {number} */ bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(encoder.encode(text).subarray(0, bytes));
  } catch {
    return null;
  }
}
