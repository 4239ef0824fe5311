// The Sessions dialog: every live session as a button that switches to it, and deleting with undo in place.

import { waitingText } from '../core/banners.js';
import { nameOf } from '../core/personas.js';
import { fullTime, moment, seconds } from '../core/times.js';
import { arrange, eachSecond, element, find, setText } from './dom.js';

/** @param {{chat: object, openNew: () => void, onSwitch: () => void}} deps `onSwitch` runs when a session was chosen */
export function createSessions({ chat, openNew, onSwitch }) {
  const dialog = find('sessions-dialog');
  const list = find('session-list');
  /** session_id to `{node, signature}` as drawn. */
  let drawn = new Map();

  const countdown = eachSecond(() => {
    const { list: shown, deletions } = chat.store.state;
    for (const { user_id: userId, until } of deletions) {
      const label = list.querySelector(`[data-undo="${CSS.escape(userId)}"]`);
      if (label) setText(label, seconds(until - Date.now()));
    }
    if (shown.waiting) setText(find('list-countdown'), `Trying again in ${seconds(shown.waiting.until - Date.now())}`);
    return dialog.open && (deletions.length > 0 || Boolean(shown.waiting));
  });

  find('sessions-new').addEventListener('click', () => {
    dialog.close();
    openNew();
  });
  find('sessions-close').addEventListener('click', () => dialog.close());
  find('more-sessions').addEventListener('click', () => void chat.list.more());
  find('list-retry').addEventListener('click', () => (chat.store.state.list.waiting ? chat.wake() : void chat.list.refresh()));
  dialog.addEventListener('close', () => chat.showList(false));

  chat.store.watch(['list', 'deletions', 'session', 'personas'], (state) => {
    const held = list.contains(document.activeElement) ? document.activeElement.closest('li') : null;
    arrange(list, draw(state));
    if (held && !held.isConnected) focusAfter(held);
    showStatus(state.list);
    countdown();
  });

  function draw({ list: shown, deletions, session, personas }) {
    const next = new Map();
    for (const item of shown.items) {
      const current = item.user_id === session?.user_id;
      const deletion = deletions.find(({ user_id: userId }) => userId === item.user_id);
      const persona = nameOf(personas, item.persona);
      const signature = JSON.stringify([item, current, deletion?.until, persona]);
      const old = drawn.get(item.session_id);
      const node = old?.signature === signature ? old.node : row(item, { current, deletion, persona });
      next.set(item.session_id, { node, signature });
    }
    drawn = next;
    return [...next.values()].map(({ node }) => node);
  }

  function row(item, { current, deletion, persona }) {
    if (deletion) {
      const undo = element('button', { type: 'button', class: 'button small', on: { click: () => void chat.undo(item.user_id) } }, 'Undo');
      const left = element('span', { class: 'countdown', 'data-undo': item.user_id, role: 'timer', 'aria-live': 'off' });
      const words = element('span', { class: 'session-deleted' }, element('bdi', {}, item.user_id), ' was deleted.');
      return element('li', { class: 'session deleted', 'data-user': item.user_id }, words, left, undo);
    }
    const count = item.message_count === 1 ? '1 message' : `${item.message_count} messages`;
    const time = (iso) => element('time', { datetime: iso, title: fullTime(iso) }, moment(iso, Date.now()));
    const open = element(
      'button',
      { type: 'button', class: 'session-open', 'aria-current': current ? 'true' : null, on: { click: () => choose(item.user_id) } },
      element('span', { class: 'session-name' }, element('bdi', {}, item.user_id), current ? element('span', { class: 'badge' }, 'Current') : null),
      element('span', { class: 'session-persona' }, element('bdi', {}, persona), ` · ${count}`),
      element('span', { class: 'session-facts' }, 'Created ', time(item.created_at)),
      element('span', { class: 'session-facts' }, 'Last activity ', time(item.last_activity)),
    );
    const remove = element(
      'button',
      { type: 'button', class: 'button quiet plain small', 'aria-label': `Delete session ${item.user_id}`, on: { click: () => chat.remove(item) } },
      'Delete',
    );
    return element('li', { class: current ? 'session current' : 'session', 'data-user': item.user_id }, open, remove);
  }

  function choose(userId) {
    dialog.close();
    const already = chat.store.state.session?.user_id === userId && chat.store.state.view === 'open';
    if (!already) void chat.open(userId);
    onSwitch();
  }

  /** The row that had the focus was drawn anew or is gone: the focus stays with its session, or in the dialog. */
  function focusAfter(held) {
    const same = list.querySelector(`[data-user="${CSS.escape(held.dataset.user)}"] :is(.session-open, .session-deleted ~ button)`);
    (same ?? list.querySelector('button') ?? find('sessions-new')).focus();
  }

  function showStatus({ status, items, count, nextToken, problem, waiting }) {
    const live = items.length;
    find('session-list').setAttribute('aria-busy', String(status === 'loading'));
    find('no-sessions').hidden = !(status === 'ready' && live === 0);
    find('list-loading').hidden = !(status === 'loading' && live === 0 && !waiting);
    find('more-sessions').hidden = !nextToken;
    setText(find('session-count'), status === 'ready' && live > 0 ? (count === 1 ? '1 session' : `${count} sessions`) : '');
    find('list-trouble').hidden = !(waiting || problem);
    setText(find('list-error'), waiting ? waitingText(waiting) : (problem?.explanation ?? ''));
    setText(find('list-retry'), waiting ? 'Try now' : 'Try again');
    if (!waiting) setText(find('list-countdown'), '');
  }

  return {
    open() {
      chat.showList(true);
      if (!dialog.open) dialog.showModal();
      (list.querySelector('[aria-current]') ?? list.querySelector('.session-open') ?? find('sessions-close')).focus();
    },
  };
}
