// Validates names and messages before a call, which saves a round trip. The server decides.
// @ts-check

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
  if (name === '.' || name === '..') return 'A name needs more than dots.';
  if (/\p{Cc}/u.test(name)) return 'A name cannot contain control characters.';
  if (byteLength(name) > userIdMaxBytes) return `This name is too long: at most ${userIdMaxBytes} bytes.`;
  return null;
}

/** Validates a message. Returns an error as a sentence, or null. */
export function validateMessage(/** @type {string} */ text, /** @type {Limits} */ { messageContentMaxBytes }) {
  const size = byteLength(text);
  if (size <= messageContentMaxBytes) return null;
  const { format } = new Intl.NumberFormat();
  return `This message is too long: ${format(size)} of at most ${format(messageContentMaxBytes)} bytes.`;
}

const byteLength = (/** @type {string} */ text) => new TextEncoder().encode(text).length;
