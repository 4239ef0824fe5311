// The Sessions dialog: the live sessions by the day of their last activity, with a search, export, and deletion with undo.
// @ts-check

import { describeWait } from '../core/banners.js';
import { formatSeconds } from '../core/format-time.js';
import { personaName } from '../core/personas.js';
import { describeCount, filterSessions } from '../core/session-filter.js';
import { createDataButton } from './data-button.js';
import { element, everySecond, find, findDialog, findInput, reconcile, setText } from './dom.js';
import { createDeletedRow, createSessionRow } from './session-row.js';
import { createSignedOutNotice } from './signed-out.js';

/** Number of sessions from which the search is shown. */
const SEARCH_MIN_SESSIONS = 5;

/** @param {{chat: Chat, openNew: () => void, onSwitch: () => void}} deps `onSwitch` is called when a session was selected */
export function createSessionsDialog({ chat, openNew, onSwitch }) {
  const dialog = findDialog('sessions-dialog');
  const list = find('session-list');
  const search = findInput('search');
  /** @type {RenderedRows} */
  let rendered = new Map();
  /** @type {Map<string, {node: HTMLElement, list: HTMLElement}>} label to group */
  const groups = new Map();
  /** @type {Set<string>} ids of the sessions whose export options are shown */
  const expanded = new Set();

  const runCountdown = everySecond(() => {
    const { list: sessions, deletions } = chat.store.state;
    for (const { userId, until } of deletions) {
      const label = list.querySelector(`[data-undo="${CSS.escape(userId)}"]`);
      if (label) setText(label, formatSeconds(until - Date.now()));
    }
    if (sessions.wait)
      setText(find('list-countdown'), `Trying again in ${formatSeconds(sessions.wait.until - Date.now())}`);
    return dialog.open && (deletions.length > 0 || sessions.wait !== null);
  });

  find('sessions-new').addEventListener('click', () => {
    dialog.close();
    openNew();
  });
  find('sessions-close').addEventListener('click', () => dialog.close());
  createDataButton({ chat, dialog });
  find('more-sessions').addEventListener('click', () => chat.list.showMore());
  find('list-retry').addEventListener('click', () =>
    chat.store.state.list.wait ? chat.retryNow() : void chat.list.refresh(),
  );
  find('list-signed-out').replaceWith(createSignedOutNotice(chat));
  search.addEventListener('input', () => chat.list.search(search.value));
  search.addEventListener('keydown', (event) => {
    // The first Escape clears the search, the second closes the dialog.
    if (event.key !== 'Escape' || search.value === '') return;
    event.preventDefault();
    search.value = '';
    chat.list.search('');
  });
  dialog.addEventListener('close', () => {
    search.value = '';
    expanded.clear();
    chat.showList(false);
  });

  chat.store.watch(['list', 'deletions', 'session', 'personas', 'signedOut'], (state) => {
    const focusedRow = list.contains(document.activeElement) ? document.activeElement?.closest('li') : null;
    const filtered = filterSessions(state.list, state.personas, Date.now());
    reconcile(list, render(filtered, state));
    if (focusedRow && !list.contains(document.activeElement)) restoreFocus(focusedRow);
    showStatus(state, filtered);
    runCountdown();
  });

  function render(/** @type {FilteredSessions} */ filtered, /** @type {State} */ state) {
    /** @type {RenderedRows} */
    const next = new Map();
    const nodes = filtered.groups.map(({ label, sessions }) => {
      const group = groups.get(label) ?? createGroup(label);
      reconcile(
        group.list,
        sessions.map((session) => renderRow(session, state, next)),
      );
      return group.node;
    });
    rendered = next;
    return nodes;
  }

  function createGroup(/** @type {string} */ label) {
    const id = `sessions-${groups.size}`;
    const rows = element('ul', { class: 'session-rows', 'aria-labelledby': id });
    const group = { list: rows, node: element('section', {}, element('h3', { class: 'period', id }, label), rows) };
    groups.set(label, group);
    return group;
  }

  /** Returns the row of a session: the existing node, unless the row has changed. */
  function renderRow(/** @type {Session} */ item, /** @type {State} */ state, /** @type {RenderedRows} */ next) {
    const isCurrent = item.userId === state.session?.userId;
    const deletion = state.deletions.find(({ userId }) => userId === item.userId);
    const persona = personaName(state.personas, item.persona);
    const signature = JSON.stringify([item, isCurrent, deletion?.until, persona]);
    const old = rendered.get(item.sessionId);
    let node = old?.node;
    if (!node || old?.signature !== signature) {
      node = deletion
        ? createDeletedRow(item, () => void chat.undoRemoval(item.userId))
        : createLiveRow(item, isCurrent, persona);
    }
    next.set(item.sessionId, { node, signature });
    return node;
  }

  function createLiveRow(/** @type {Session} */ item, /** @type {boolean} */ isCurrent, /** @type {string} */ persona) {
    const { userId, sessionId } = item;
    return createSessionRow(
      item,
      { isCurrent, persona, isExpanded: expanded.has(sessionId) },
      {
        open: () => select(userId),
        remove: () => chat.removeSession(item),
        onExpand: (isExpanded) => void (isExpanded ? expanded.add(sessionId) : expanded.delete(sessionId)),
        exportUrl: (format) => chat.exportUrl(userId, format),
        checkExport: () => chat.checkExport(userId),
      },
    );
  }

  function select(/** @type {string} */ userId) {
    dialog.close();
    const { session, view } = chat.store.state;
    if (session?.userId !== userId || view !== 'open') void chat.openSession(userId);
    onSwitch();
  }

  /** Moves the focus, whose row was replaced or removed, to the new row of the session, or else into the dialog. */
  function restoreFocus(/** @type {HTMLElement} */ row) {
    const selector = `[data-user="${CSS.escape(row.dataset.user ?? '')}"] :is(.session-open, .session-deleted ~ button)`;
    /** @type {HTMLElement | null} */
    const target = list.querySelector(selector) ?? list.querySelector('button');
    (target ?? find('sessions-new')).focus();
  }

  function showStatus(/** @type {State} */ { list: sessions, signedOut }, /** @type {FilteredSessions} */ filtered) {
    const { status, items, count, nextToken, problem, wait, query } = sessions;
    const isReady = status === 'ready';
    const isSearching = query.trim() !== '';
    list.setAttribute('aria-busy', String(status === 'loading'));
    find('session-search').hidden = count < SEARCH_MIN_SESSIONS && query === '';
    find('no-sessions').hidden = !(isReady && items.length === 0);
    find('no-match').hidden = !(isReady && items.length > 0 && filtered.matching === 0);
    setText(find('no-match'), `No session matches “${query.trim()}”.`);
    find('list-loading').hidden = !(status === 'loading' && items.length === 0 && !wait);
    find('more-sessions').hidden = !(filtered.matching > filtered.shown || (nextToken && !isSearching));
    setText(find('session-count'), items.length > 0 ? describeCount(sessions, filtered) : '');
    find('list-problem').hidden = signedOut !== null || !(wait || problem);
    setText(find('list-error'), wait ? describeWait(wait) : (problem?.explanation ?? ''));
    setText(find('list-retry'), wait ? 'Try now' : 'Try again');
    if (!wait) setText(find('list-countdown'), '');
  }

  return {
    open() {
      chat.showList(true);
      if (!dialog.open) dialog.showModal();
      /** @type {HTMLElement | null} */
      const target = list.querySelector('[aria-current]') ?? list.querySelector('.session-open');
      (target ?? find('sessions-close')).focus();
    },
  };
}
