// The dialogs and lists for sessions. They are loaded when their button is pointed at or focused, when they are needed, or some
// time after the page, so that they open without a connection.
// @ts-check

import { NOT_LOADED } from '../core/words/errors.js';
import { find } from './dom.js';
import { loadSheet } from './style-sheet.js';

/** Time after the start of the page at which the dialogs are loaded: after what the first message needs. */
const LOAD_AFTER_MS = 2_000;

/** @param {DialogsDeps} deps @returns {Dialogs} */
export function createDialogs({ chat, newId, onDone }) {
  const sheet = once(() => loadSheet('../../css/dialogs.css'));

  const newSession = once(async () => {
    const [{ createNewSessionDialog }] = await Promise.all([import('./new-session-dialog.js'), sheet()]);
    return createNewSessionDialog({ chat, newId, onDone });
  });

  const sessions = once(async () => {
    const [{ createSessionsDialog }, { createSessionColumn }, { openSessionMenu }, { createToasts }] =
      await Promise.all([
        import('./sessions-dialog.js'),
        import('./session-column.js'),
        import('./session-menu.js'),
        import('./toasts.js'),
        sheet(),
        loadSheet('../../css/sessions.css'),
        loadSheet('../../css/column.css'),
        loadSheet('../../css/menu.css'),
        loadSheet('../../css/toasts.css'),
      ]);
    createSessionColumn({ chat, onOpen: onDone });
    createToasts({ chat, onFocusLost: onDone });
    return { ...createSessionsDialog({ chat, openNew, onSwitch: onDone }), openSessionMenu };
  });

  const keys = once(async () => {
    const [{ createKeysDialog }] = await Promise.all([
      import('./keys-dialog.js'),
      sheet(),
      loadSheet('../../css/keys.css'),
    ]);
    return createKeysDialog();
  });

  const openNew = () => show(newSession, (dialog) => dialog.open());

  /**
   * Shows a part of the page once it is loaded.
   *
   * @template Part
   * @param {() => Promise<Part>} load
   * @param {(part: Part) => void} use
   */
  async function show(load, use) {
    const part = await load().catch(() => chat.showNotice(NOT_LOADED));
    if (part) use(part);
  }

  // An error is reported when the part is used.
  const prepare = (/** @type {() => Promise<unknown>} */ load) => void load().catch(() => {});
  for (const [id, load] of /** @type {const} */ ([
    ['new-button', newSession],
    ['sessions-button', sessions],
    ['session-menu-button', sessions],
  ]))
    for (const type of ['pointerenter', 'focus']) find(id).addEventListener(type, () => prepare(load));

  setTimeout(() => [newSession, sessions, keys].forEach(prepare), LOAD_AFTER_MS);

  return {
    openNew,
    prepareSessions: () => prepare(sessions),
    openSessions: () => show(sessions, (dialog) => dialog.open()),
    searchSessions: () => show(sessions, (dialog) => dialog.search()),
    openKeys: () => show(keys, (dialog) => dialog.open()),
    openSessionMenu: (button) =>
      show(sessions, ({ openSessionMenu }) => {
        const { session } = chat.store.state;
        if (session) openSessionMenu(button, session, { chat, checkExport: chat.checkOpenExport });
      }),
  };
}

/**
 * Returns a function that calls `load` once, and again if it has failed.
 *
 * @template Result
 * @param {() => Promise<Result>} load
 */
function once(load) {
  /** @type {Promise<Result> | null} */
  let loading = null;
  return () => {
    loading ??= load().catch((problem) => {
      loading = null;
      throw problem;
    });
    return loading;
  };
}
