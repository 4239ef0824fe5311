// Which session is open, as the address bar and the memory of the last visit say it. `/?session=John%20Doe` is the truth.

const LAST = 'nono:last';

/** @param {{scope: Window, storage: object}} deps `scope` is `window`: its `location` and `history` */
export function createRouter({ scope, storage }) {
  return {
    /** The user_id in the address, or null. */
    named: () => sessionIn(scope.location.search),

    /** Puts a session into the address; null means the welcome page. `replace` adds no step to Back. */
    show(userId, { replace = false } = {}) {
      if (sessionIn(scope.location.search) === userId) return;
      const address = `${scope.location.pathname}${userId === null ? '' : `?${new URLSearchParams({ session: userId })}`}`;
      if (replace) scope.history.replaceState(null, '', address);
      else scope.history.pushState(null, '', address);
    },

    /** `{user_id, persona}` of the session that was open last on this device, or null. */
    last: () => storage.read(LAST),
    remember: ({ user_id, persona }) => storage.write(LAST, { user_id, persona }),
    forget(userId) {
      if (storage.read(LAST)?.user_id === userId) storage.remove(LAST);
    },
  };
}

function sessionIn(search) {
  return new URLSearchParams(search).get('session') || null;
}
