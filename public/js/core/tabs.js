// Notifications and locks between the tabs of one browser. A notification names the session that changed; the receiver asks the
// server.
// @ts-check

const CHANNEL = 'nono:v1';
/** Field of a notification, which tabs with an earlier version of the page use too. */
const SESSION_ID = 'session_id';

/**
 * @param {typeof BroadcastChannel | undefined} Channel absent in old browsers; then tabs do not notify each other
 * @param {Pick<LockManager, 'request'> | undefined} [locks] absent without https or localhost; then every tab gets each lock
 * @returns {Tabs}
 */
export function createTabs(Channel, locks) {
  const channel = Channel ? new Channel(CHANNEL) : null;

  return {
    /** Calls `listener` when another tab has changed a session. */
    onChanged(listener) {
      channel?.addEventListener('message', ({ data }) => {
        if (typeof data?.[SESSION_ID] === 'string') listener(data[SESSION_ID]);
      });
    },

    /** Notifies the other tabs that a session has changed. */
    notify: (sessionId) => channel?.postMessage({ [SESSION_ID]: sessionId }),

    /**
     * Waits for a lock, which this tab holds until it is released or the tab is closed. Returns a function that releases it. With
     * `ifFree`, it returns null if another tab holds the lock. When `signal` is aborted, it returns without the lock.
     */
    lock: (name, { ifFree = false, signal } = {}) =>
      new Promise((resolve) => {
        if (!locks) return resolve(() => {});
        const hold = (/** @type {Lock | null} */ granted) =>
          granted ? new Promise((release) => resolve(() => release(undefined))) : resolve(null);
        // Access to locks can be denied, like that to storage.
        locks.request(name, { ifAvailable: ifFree, signal }, hold).catch(() => resolve(() => {}));
      }),
  };
}
