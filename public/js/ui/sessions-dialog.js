// The Sessions dialog: the list of sessions, with a new one and the data of all.
// @ts-check

import { describeCount, filterSessions } from '../core/session-filter.js';
import { LIST } from '../core/words/sessions.js';
import { createDataButton } from './data-button.js';
import { find, findDialog, setText } from './dom.js';
import { createSessionListView } from './session-list-view.js';
import { createSignedOutNotice } from './signed-out.js';

/** @param {{chat: Chat, openNew: () => void, onSwitch: () => void}} deps `onSwitch` is called when a session was selected */
export function createSessionsDialog({ chat, openNew, onSwitch }) {
  const dialog = findDialog('sessions-dialog');
  /** On a touch screen, the focus in the search would open the keyboard. */
  const touch = matchMedia('(pointer: coarse)');
  const view = createSessionListView({
    chat,
    id: 'sessions',
    placeholder: LIST.searchAll,
    notice: createSignedOutNotice(chat),
    onOpen: () => {
      dialog.close();
      onSwitch();
    },
    onFocusLost: () => find('sessions-new').focus(),
  });
  find('sessions-head').after(...view.nodes);

  find('sessions-new').addEventListener('click', () => {
    dialog.close();
    openNew();
  });
  find('sessions-close').addEventListener('click', () => dialog.close());
  createDataButton({ chat, dialog });
  dialog.addEventListener('close', () => chat.showList('shown', false));

  chat.store.watch(['list', 'personas'], ({ list, personas }) => {
    const filtered = filterSessions(list, personas, Date.now());
    setText(find('session-count'), list.items.length > 0 ? describeCount(list, filtered) : '');
  });

  function show() {
    chat.showList('shown', true);
    if (!dialog.open) dialog.showModal();
  }

  return {
    /** Opens the dialog with the focus in the search, or on a touch screen on the current row. */
    open() {
      show();
      if (touch.matches) (view.currentRow() ?? find('sessions-close')).focus();
      else view.search.focus();
    },

    /** Opens the dialog, unless it is open, with the focus in the search. */
    search() {
      show();
      view.search.focus();
    },
  };
}
