// Toasts that undo a deletion. They are shown while the Sessions dialog, whose rows do the same, is closed.
// @ts-check

import { formatSeconds } from '../core/format-time.js';
import { LABELS } from '../core/words/page.js';
import { DELETED } from '../core/words/sessions.js';
import { element, everySecond, fillIn, find, reconcile, setText } from './dom.js';

/** @param {{chat: Chat, onFocusLost: () => void}} deps `onFocusLost` is called when the toast that had the focus was removed */
export function createToasts({ chat, onFocusLost }) {
  const region = find('toasts');
  /** @type {Map<string, ReturnType<typeof createToast>>} user id to toast */
  const shown = new Map();

  const runCountdown = everySecond(() => {
    for (const { countdown, until } of shown.values()) setText(countdown, formatSeconds(until - Date.now()));
    return shown.size > 0;
  });

  chat.store.watch(['deletions', 'list'], (state) => {
    const deletions = state.list.shown ? [] : state.deletions;
    for (const userId of [...shown.keys()])
      if (!deletions.some((deletion) => deletion.userId === userId)) shown.delete(userId);
    for (const deletion of deletions)
      if (!shown.has(deletion.userId)) shown.set(deletion.userId, createToast(deletion));
    const hadFocus = region.contains(document.activeElement);
    reconcile(
      region,
      [...shown.values()].map(({ node }) => node),
    );
    if (hadFocus && !region.contains(document.activeElement)) onFocusLost();
    runCountdown();
  });

  function createToast(/** @type {Deletion} */ { userId, until }) {
    const countdown = element('span', { class: 'countdown', role: 'timer', 'aria-live': 'off' });
    const text = element('p', {}, ...fillIn(DELETED, { name: element('bdi', {}, userId) }));
    const undo = element(
      'button',
      { type: 'button', class: 'button small', on: { click: () => void chat.undoRemoval(userId) } },
      LABELS.undo,
    );
    return { node: element('div', { class: 'toast' }, text, countdown, undo), countdown, until };
  }
}
