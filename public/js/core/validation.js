// Validates names and messages before a call, which saves a round trip. The server decides.
// @ts-check

import { VALIDATION } from './words/errors.js';

/** @type {Limits} */
const DEFAULT_LIMITS = { userIdMaxBytes: 128, messageContentMaxBytes: 32 * 1024 };

/** Returns the configured limits, with defaults for those that are missing. */
export function resolveLimits(/** @type {Pick<Config, 'limits'> | null} */ config) {
  const given = Object.entries(config?.limits ?? {}).filter(([, value]) => Number.isFinite(value));
  return /** @type {Limits} */ ({ ...DEFAULT_LIMITS, ...Object.fromEntries(given) });
}

/** Validates a trimmed display name. Returns an error as a sentence, or null. */
export function validateName(/** @type {string} */ name, /** @type {Limits} */ { userIdMaxBytes }) {
  // Browsers resolve these as path segments even if they are escaped, so no call could name such a session.
  if (name === '.' || name === '..') return VALIDATION.dots;
  if (/\p{Cc}/u.test(name)) return VALIDATION.controlCharacters;
  const excess = charactersBeyond(name, userIdMaxBytes);
  return excess > 0 ? VALIDATION.longName(excess) : null;
}

/** Validates a message. Returns an error as a sentence, or null. */
export function validateMessage(/** @type {string} */ text, /** @type {Limits} */ { messageContentMaxBytes }) {
  const excess = charactersBeyond(text, messageContentMaxBytes);
  return excess > 0 ? VALIDATION.longMessage(excess) : null;
}

/** Returns the number of characters of `text` after its first `maxBytes` bytes of UTF-8. */
function charactersBeyond(/** @type {string} */ text, /** @type {number} */ maxBytes) {
  // A character has at most 3 bytes for each of its code units.
  if (text.length * 3 <= maxBytes) return 0;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return [...text.slice(read)].length;
}
