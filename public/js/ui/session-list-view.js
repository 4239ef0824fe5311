// A list of the live sessions by the day of their last activity, with a search: in the Sessions dialog, and next to the conversation.
// @ts-check

import { describeCountdown, describeWait } from '../core/banners.js';
import { formatSeconds } from '../core/format-time.js';
import { personaName } from '../core/personas.js';
import { filterSessions } from '../core/session-filter.js';
import { LABELS } from '../core/words/page.js';
import { LIST } from '../core/words/sessions.js';
import { element, everySecond, reconcile, setText } from './dom.js';
import { openSessionMenu } from './session-menu.js';
import { createDeletedRow, createSessionRow } from './session-row.js';

/** Interval in which relative times are updated. */
const TIMES_INTERVAL_MS = 15_000;

/**
 * `notice` is shown below the search. `onOpen` is called before a session is opened, `onFocusLost` if no row is left to take the
 * focus of one that was removed.
 *
 * @param {{chat: Chat, id: string, placeholder?: string, notice?: HTMLElement | null, onOpen: () => void, onFocusLost: () => void}} deps
 * @returns {SessionListView}
 */
export function createSessionListView({ chat, id, placeholder = LIST.search, notice = null, onOpen, onFocusLost }) {
  const search = element('input', {
    type: 'search',
    dir: 'auto',
    placeholder,
    'aria-label': LIST.search,
    autocomplete: 'off',
    spellcheck: 'false',
    enterkeyhint: 'search',
  });
  const error = element('p', { role: 'alert', dir: 'auto' });
  const countdown = element('span', { class: 'countdown', role: 'timer', 'aria-live': 'off' });
  const retry = element('button', { type: 'button', class: 'button small' });
  const problem = element(
    'div',
    { class: 'inline-notice', hidden: true },
    error,
    element('div', { class: 'inline-actions' }, countdown, retry),
  );
  const loading = element('p', { class: 'list-note', hidden: true }, LIST.loading);
  const noMatch = element('p', { class: 'list-note', dir: 'auto', hidden: true });
  const empty = element('p', { class: 'list-note', hidden: true }, LIST.empty);
  const list = element('div', { class: 'session-list' });
  const more = element('button', { type: 'button', class: 'button quiet', hidden: true }, LIST.more);
  const nodes = [
    element('div', { class: 'search', role: 'search' }, search),
    ...(notice ? [notice] : []),
    problem,
    loading,
    noMatch,
    empty,
    element('div', { class: 'session-scroll' }, list, more),
  ];
  /** @type {RenderedRows} */
  let rendered = new Map();
  /** @type {Map<string, {node: HTMLElement, list: HTMLElement}>} label to group */
  const groups = new Map();

  const runCountdown = everySecond(() => {
    const { list: sessions, deletions } = chat.store.state;
    for (const { userId, until } of deletions) {
      const label = list.querySelector(`[data-undo="${CSS.escape(userId)}"]`);
      if (label) setText(label, formatSeconds(until - Date.now()));
    }
    if (sessions.wait) setText(countdown, describeCountdown(sessions.wait.until, Date.now()));
    return deletions.length > 0 || sessions.wait !== null;
  });
  const updateTimes = () => {
    for (const { row } of rendered.values()) row.update(chat.clock.now());
  };
  setInterval(() => list.checkVisibility() && updateTimes(), TIMES_INTERVAL_MS);

  more.addEventListener('click', () => chat.list.showMore());
  retry.addEventListener('click', () => (chat.store.state.list.wait ? chat.retryNow() : void chat.list.refresh()));
  search.addEventListener('input', () => chat.list.search(search.value));
  search.addEventListener('keydown', (event) => {
    // The first Escape clears the search, the second closes the dialog.
    if (event.key !== 'Escape' || search.value === '') return;
    event.preventDefault();
    chat.list.search('');
  });
  for (const node of nodes) node.addEventListener('keydown', moveFocus);

  chat.store.watch(['list', 'deletions', 'session', 'personas', 'signedOut'], (state) => {
    const focusedRow = list.contains(document.activeElement) ? document.activeElement?.closest('li') : null;
    const filtered = filterSessions(state.list, state.personas, Date.now());
    if (search.value !== state.list.query) search.value = state.list.query;
    reconcile(list, render(filtered, state));
    if (focusedRow && !list.contains(document.activeElement)) restoreFocus(focusedRow);
    showStatus(state, filtered);
    updateTimes();
    runCountdown();
  });

  function render(/** @type {FilteredSessions} */ filtered, /** @type {State} */ state) {
    /** @type {RenderedRows} */
    const next = new Map();
    const groupNodes = filtered.groups.map(({ label, sessions }) => {
      const group = groups.get(label) ?? createGroup(label);
      reconcile(
        group.list,
        sessions.map((session) => renderRow(session, state, next)),
      );
      return group.node;
    });
    rendered = next;
    return groupNodes;
  }

  function createGroup(/** @type {string} */ label) {
    const headingId = `${id}-${groups.size}`;
    const rows = element('ul', { class: 'session-rows', 'aria-labelledby': headingId });
    const heading = element('h3', { class: 'period', id: headingId }, label);
    const group = { list: rows, node: element('section', {}, heading, rows) };
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
    const row = old?.signature === signature ? old.row : createRow(item, { isCurrent, persona }, deletion);
    next.set(item.sessionId, { row, signature });
    return row.node;
  }

  function createRow(
    /** @type {Session} */ item,
    /** @type {{isCurrent: boolean, persona: string}} */ options,
    /** @type {Deletion | undefined} */ deletion,
  ) {
    if (deletion) return createDeletedRow(item, () => void chat.undoRemoval(item.userId));
    const actions = {
      open: () => select(item.userId),
      openMenu: (/** @type {HTMLElement} */ button) =>
        openSessionMenu(button, item, { chat, checkExport: chat.checkExport }),
    };
    return createSessionRow(item, { ...options, href: chat.hrefOf(item.userId) }, actions);
  }

  function select(/** @type {string} */ userId) {
    const { session, view } = chat.store.state;
    if (session?.userId !== userId || view !== 'open') void chat.openSession(userId);
    onOpen();
  }

  /** Moves the focus, whose row was replaced or removed, to the new row of the session, or else to the first row. */
  function restoreFocus(/** @type {HTMLElement} */ row) {
    const user = CSS.escape(row.dataset.user ?? '');
    /** @type {HTMLElement | null} */
    const same = list.querySelector(`[data-user="${user}"] :is(.session-open, .session-deleted ~ button)`);
    /** @type {HTMLElement | null} */
    const target = same ?? list.querySelector('.session-open, button');
    if (target) target.focus();
    else onFocusLost();
  }

  /** Moves the focus with the arrow keys from the search to the rows, and between them. */
  function moveFocus(/** @type {KeyboardEvent} */ event) {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const row = /** @type {Element} */ (event.target).closest('li');
    if (!row && event.target !== search) return;
    /** @type {HTMLElement[]} */
    const stops = [search, ...list.querySelectorAll(/** @type {'a'} */ ('.session-open'))];
    const at = stops.findIndex((stop) => stop === event.target || row?.contains(stop));
    event.preventDefault();
    stops[at + (event.key === 'ArrowDown' ? 1 : -1)]?.focus();
  }

  function showStatus(/** @type {State} */ { list: sessions, signedOut }, /** @type {FilteredSessions} */ filtered) {
    const { status, items, nextToken, problem: failure, wait, query } = sessions;
    const isReady = status === 'ready';
    const isSearching = query.trim() !== '';
    list.setAttribute('aria-busy', String(status === 'loading'));
    empty.hidden = !(isReady && items.length === 0);
    noMatch.hidden = !(isReady && items.length > 0 && filtered.matching === 0);
    setText(noMatch, LIST.noMatch(query.trim()));
    loading.hidden = !(status === 'loading' && items.length === 0 && !wait);
    more.hidden = !(filtered.matching > filtered.shown || (nextToken && !isSearching));
    problem.hidden = signedOut !== null || !(wait || failure);
    setText(error, wait ? describeWait(wait) : (failure?.explanation ?? ''));
    setText(retry, wait ? LABELS.tryNow : LABELS.tryAgain);
    if (!wait) setText(countdown, '');
  }

  return {
    nodes,
    search,

    /** Returns the link of the current session, or else the first one, or null. */
    currentRow: () => list.querySelector('[aria-current]') ?? list.querySelector('.session-open'),
  };
}
