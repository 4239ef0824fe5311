// The dialogs for sessions. They are loaded when the page is idle, or when one is first opened.
// @ts-check

import { loadSheet } from './style-sheet.js';

const LOAD_ERROR = 'This part of the page could not be loaded. Please try again.';

/** @param {DialogsDeps} deps @returns {Dialogs} */
export function createDialogs({ chat, newId, onDone }) {
  /** @type {Promise<LoadedDialogs> | null} */
  let loading = null;

  async function load() {
    const [{ createNewSessionDialog }, { createSessionsDialog }] = await Promise.all([
      import('./new-session-dialog.js'),
      import('./sessions-dialog.js'),
      loadSheet('../../css/dialogs.css'),
      loadSheet('../../css/sessions.css'),
    ]);
    const newSession = createNewSessionDialog({ chat, newId, onDone });
    return { newSession, sessions: createSessionsDialog({ chat, openNew: newSession.open, onSwitch: onDone }) };
  }

  function ensureLoaded() {
    loading ??= load().catch((problem) => {
      loading = null;
      throw problem;
    });
    return loading;
  }

  async function open(/** @type {(dialogs: LoadedDialogs) => void} */ show) {
    try {
      show(await ensureLoaded());
    } catch {
      chat.showNotice(LOAD_ERROR);
    }
  }

  return {
    /** Loads the dialogs before they are needed. An error is reported when one is opened. */
    prepare: () => void ensureLoaded().catch(() => {}),
    openNew: () => open(({ newSession }) => newSession.open()),
    openSessions: () => open(({ sessions }) => sessions.open()),
  };
}
