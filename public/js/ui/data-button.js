// The button of the dialog for all sessions, which is loaded when it is first opened.
// @ts-check

import { ApiError } from '../core/api-error.js';
import { find } from './dom.js';
import { loadSheet } from './style-sheet.js';

/** @param {{chat: Chat, dialog: HTMLDialogElement}} deps `dialog` is the one with the button */
export function createDataButton({ chat, dialog }) {
  /** @type {{open: () => void} | null} */
  let opened = null;

  async function load() {
    const [{ createDataDialog }, data] = await Promise.all([
      import('./data-dialog.js'),
      chat.loadSessionData(),
      loadSheet('../../css/data.css'),
    ]);
    opened = createDataDialog({ chat, data });
  }

  find('sessions-data').addEventListener('click', async () => {
    // Retried like a call, because the files come from the same server.
    const loadOnce = async () => {
      if (opened) return;
      await load().catch(() => {
        throw new ApiError({});
      });
    };
    if ((await chat.list.report(loadOnce)) && dialog.open) opened?.open();
  });
}
