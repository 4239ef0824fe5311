// Undo for a deletion while the Sessions dialog, which offers it in place, is closed.

import { seconds } from '../core/format-time.js';
import { arrange, eachSecond, element, find, setText } from './dom.js';

/** @param {{chat: object, onLeave: () => void}} deps `onLeave` runs when the toast that had the focus went away */
export function createToasts({ chat, onLeave }) {
  const region = find('toasts');
  /** user_id to `{node, countdown, until}`. */
  const shown = new Map();

  const run = eachSecond(() => {
    for (const { countdown, until } of shown.values()) setText(countdown, seconds(until - Date.now()));
    return shown.size > 0;
  });

  chat.store.watch(['deletions', 'list'], ({ deletions, list }) => {
    const wanted = list.shown ? [] : deletions;
    for (const userId of [...shown.keys()]) if (!wanted.some((deletion) => deletion.user_id === userId)) shown.delete(userId);
    for (const deletion of wanted) if (!shown.has(deletion.user_id)) shown.set(deletion.user_id, make(deletion));
    const focused = region.contains(document.activeElement);
    arrange(region, [...shown.values()].map(({ node }) => node));
    if (focused && !region.contains(document.activeElement)) onLeave();
    run();
  });

  function make({ user_id: userId, until }) {
    const countdown = element('span', { class: 'countdown', role: 'timer', 'aria-live': 'off' });
    const text = element('p', {}, 'Session of ', element('bdi', {}, userId), ' was deleted.');
    const undo = element('button', { type: 'button', class: 'button small', on: { click: () => void chat.undo(userId) } }, 'Undo');
    return { node: element('div', { class: 'toast' }, text, countdown, undo), countdown, until };
  }
}
