// The access of this browser to the service: signed out from a call that is rejected with 401 to the next one that succeeds.
// @ts-check

import { NO_ACCESS } from './words/errors.js';

/** @param {SignInDeps} deps */
export function createSignIn({ api, store, router, drafts, onSignedIn }) {
  api.onAccess((problem) => {
    const { signedOut } = store.state;
    if (problem === null) {
      if (signedOut) onSignedIn();
    } else if (!signedOut || signedOut.loginUrl !== problem.loginUrl) {
      store.set({ signedOut: { loginUrl: problem.loginUrl } });
    }
  });

  return {
    /** Opens the login page, or else loads this page again, which sets a cookie. */
    open() {
      drafts.flush();
      router.leave(store.state.signedOut?.loginUrl ?? null);
    },

    /** Tests the access with a call, because another tab may have signed in. */
    async check() {
      if (store.state.signedOut) await api.getConfig().catch(() => {});
    },
  };
}

/** Describes the state in sentences, and the action that ends it. */
export const describeSignedOut = (/** @type {SignedOut} */ { loginUrl }) =>
  loginUrl === null ? NO_ACCESS.noCookie : NO_ACCESS.signedOut;
