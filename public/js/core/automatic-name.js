// Automatic names of sessions: `user_` and the unix time in seconds, or the next one that is free.
// @ts-check

/** Names that are tried before the creation fails. Each name that is taken is a session of this second. */
const MAX_NAMES = 100;

/** Returns the name of a session that is created without one. */
export const automaticName = (/** @type {number} */ nowMs) => `user_${Math.floor(nowMs / 1000)}`;

/**
 * Calls `create` with an automatic name, and with the next one as long as the name is in use. A session that has the name already
 * may be a stranger's, so it is never opened.
 *
 * @template Result
 * @param {string} name
 * @param {(name: string) => Promise<Result>} create
 */
export async function createUnderFreeName(name, create) {
  const first = Number(name.slice(name.lastIndexOf('_') + 1));
  for (let tried = 0; ; tried += 1) {
    try {
      return await create(`user_${first + tried}`);
    } catch (problem) {
      if (problem.kind !== 'exists' || tried + 1 >= MAX_NAMES) throw problem;
    }
  }
}
