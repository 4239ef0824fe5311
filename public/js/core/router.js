// The open session in the address bar (`/?session=John%20Doe`), and the last visit on this device.
// @ts-check

const LAST_VISIT = 'nono:last';

/** @param {{scope: Pick<Window, 'location' | 'history'>, storage: Records}} deps @returns {Router} */
export function createRouter({ scope: { location, history }, storage }) {
  const hrefOf = (/** @type {string} */ userId) => `?${new URLSearchParams({ session: userId })}`;
  const currentUserId = () => new URLSearchParams(location.search).get('session') || null;

  return {
    /** Returns the user id in the address, or null. */
    currentUserId,

    /** Returns the address of a session, relative to the page. */
    hrefOf,

    /** Puts a session into the address; null is the welcome page. `replace` adds no entry to the browser's history. */
    navigate(userId, { replace = false } = {}) {
      if (currentUserId() === userId) return;
      const url = `${location.pathname}${userId === null ? '' : hrefOf(userId)}`;
      if (replace) history.replaceState(null, '', url);
      else history.pushState(null, '', url);
    },

    /** Leaves the page for a login page. Without one, the page is loaded again. */
    leave(loginUrl) {
      if (loginUrl === null) location.reload();
      else location.assign(loginUrl);
    },

    /** Returns the session that was last open on this device, or null. */
    lastVisit: () => storage.read(LAST_VISIT),

    saveLastVisit: ({ userId, persona }) => storage.write(LAST_VISIT, { userId, persona }),

    clearLastVisit(userId) {
      if (storage.read(LAST_VISIT)?.userId === userId) storage.remove(LAST_VISIT);
    },
  };
}
