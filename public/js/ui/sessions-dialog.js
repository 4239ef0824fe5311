// The Sessions dialog: every live session by the day of its last activity, searching, and deleting with undo in place.

import { waitingText } from '../core/banners.js';
import { countText, listingOf } from '../core/session-filter.js';
import { nameOf } from '../core/personas.js';
import { seconds } from '../core/format-time.js';
import { arrange, eachSecond, element, find, setText } from './dom.js';
import { deletedRow, sessionRow } from './session-row.js';

/** Below this many a search box is only in the way. */
const WORTH_SEARCHING = 5;

/** @param {{chat: object, openNew: () => void, onSwitch: () => void}} deps `onSwitch` runs when a session was chosen */
export function createSessions({ chat, openNew, onSwitch }) {
  const dialog = find('sessions-dialog');
  const list = find('session-list');
  const search = find('search');
  /** session_id to `{node, signature}` as drawn, and the label of a group to its nodes. */
  let rows = new Map();
  const sections = new Map();
  /** session_id of the rows that show how they can be exported. */
  const exporting = new Set();

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
  find('more-sessions').addEventListener('click', () => chat.list.more());
  find('list-retry').addEventListener('click', () => (chat.store.state.list.waiting ? chat.wake() : void chat.list.refresh()));
  search.addEventListener('input', () => chat.list.search(search.value));
  search.addEventListener('keydown', (event) => {
    // The first Escape clears the search, the next closes the dialog.
    if (event.key !== 'Escape' || search.value === '') return;
    event.preventDefault();
    search.value = '';
    chat.list.search('');
  });
  dialog.addEventListener('close', () => {
    search.value = '';
    exporting.clear();
    chat.showList(false);
  });

  chat.store.watch(['list', 'deletions', 'session', 'personas'], (state) => {
    const held = list.contains(document.activeElement) ? document.activeElement.closest('li') : null;
    const listing = listingOf(state.list, state.personas, Date.now());
    arrange(list, draw(listing.groups, state));
    if (held && !list.contains(document.activeElement)) focusAfter(held);
    showStatus(state.list, listing);
    countdown();
  });

  function draw(groups, state) {
    const next = new Map();
    const drawn = groups.map(({ label, sessions }) => {
      const section = sections.get(label) ?? makeSection(label);
      arrange(section.list, sessions.map((session) => rowOf(session, state, next)));
      return section.node;
    });
    rows = next;
    return drawn;
  }

  function makeSection(label) {
    const id = `sessions-${sections.size}`;
    const section = { list: element('ul', { class: 'session-rows', 'aria-labelledby': id }) };
    section.node = element('section', {}, element('h3', { class: 'period', id }, label), section.list);
    sections.set(label, section);
    return section;
  }

  /** The row as it was drawn before, unless something about it has changed. */
  function rowOf(item, { deletions, session, personas }, next) {
    const current = item.user_id === session?.user_id;
    const deletion = deletions.find(({ user_id: userId }) => userId === item.user_id);
    const persona = nameOf(personas, item.persona);
    const signature = JSON.stringify([item, current, deletion?.until, persona]);
    const old = rows.get(item.session_id);
    const node = old?.signature === signature ? old.node : deletion ? deletedRow(item, () => void chat.undo(item.user_id)) : liveRow(item, current, persona);
    next.set(item.session_id, { node, signature });
    return node;
  }

  function liveRow(item, current, persona) {
    const { user_id: userId, session_id: id } = item;
    return sessionRow(item, { current, persona, exporting: exporting.has(id) }, {
      open: () => choose(userId),
      remove: () => chat.remove(item),
      exporting: (shown) => (shown ? exporting.add(id) : exporting.delete(id)),
      address: (format) => chat.exportAddress(userId, format),
    });
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

  function showStatus(state, listing) {
    const { status, items, count, nextToken, problem, waiting, query } = state;
    const settled = status === 'ready';
    list.setAttribute('aria-busy', String(status === 'loading'));
    find('session-search').hidden = count < WORTH_SEARCHING && query === '';
    find('no-sessions').hidden = !(settled && items.length === 0);
    find('no-match').hidden = !(settled && items.length > 0 && listing.matching === 0);
    setText(find('no-match'), `No session matches “${query.trim()}”.`);
    find('list-loading').hidden = !(status === 'loading' && items.length === 0 && !waiting);
    find('more-sessions').hidden = !(listing.matching > listing.shown || (nextToken && query.trim() === ''));
    setText(find('session-count'), items.length > 0 ? countText(state, listing) : '');
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
