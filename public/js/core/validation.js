// What a name and a message may be, checked before a call is made. The server decides; this only spares a round trip.

const DEFAULTS = { user_id_max_bytes: 128, message_content_max_bytes: 32 * 1024 };

/** The limits of `GET /api/config`, completed where it is silent. */
export function limitsOf(config) {
  const given = Object.entries(config?.limits ?? {}).filter(([, value]) => Number.isFinite(value));
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}

/** What is wrong with a trimmed display name, as a sentence, or null. */
export function nameFault(name, limits) {
  // A browser reads these as steps in a path, however they are escaped: such a session could not be asked for.
  if (name === '.' || name === '..') return 'A name needs more than dots.';
  if (/\p{Cc}/u.test(name)) return 'A name cannot contain control characters.';
  if (bytes(name) > limits.user_id_max_bytes) return `This name is too long: at most ${limits.user_id_max_bytes} bytes, please.`;
  return null;
}

/** What is wrong with a message, as a sentence, or null. */
export function messageFault(text, limits) {
  const size = bytes(text);
  if (size <= limits.message_content_max_bytes) return null;
  const number = new Intl.NumberFormat();
  return `This message is too long: ${number.format(size)} of at most ${number.format(limits.message_content_max_bytes)} bytes.`;
}

/** The name of a session whose creator gave none. */
export const fallbackName = (nowMs) => `user_${Math.floor(nowMs / 1000)}`;

const bytes = (text) => new TextEncoder().encode(text).length;
