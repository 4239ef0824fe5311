// The notice that the sessions belong to this browser. Shown until it is dismissed once in this browser.
// @ts-check

const DISMISSED = 'nono:owner-notice';

/** @param {Pick<Deps, 'store' | 'storage'>} deps */
export function createOwnerNotice({ store, storage }) {
  return {
    /** Shows the notice if each browser has sessions of its own. */
    start() {
      store.watch(['config'], ({ config }) =>
        store.set({ ownerNotice: config?.auth === 'cookie' && storage.read(DISMISSED) === null }),
      );
    },

    dismiss() {
      storage.write(DISMISSED, true);
      store.set({ ownerNotice: false });
    },
  };
}
