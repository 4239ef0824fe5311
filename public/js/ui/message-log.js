// The conversation: updates the rows that changed, loads older messages, and reports when it is busy.
// @ts-check

import { buildRows } from '../core/message-rows.js';
import { personaName } from '../core/personas.js';
import { LOADING_OLDER } from '../core/words/conversation.js';
import { describeLifetime } from '../core/words/units.js';
import { createAutoScroll } from './auto-scroll.js';
import { find, findButton, reconcile, setText } from './dom.js';
import { createRow, updateRow } from './message-row.js';
import { listenToPrint } from './print.js';

/** Distance from the top, in pixels, at which older messages are loaded. */
const LOAD_OLDER_PX = 200;

/**
 * @param {{chat: Chat, edit: (requestId: string) => void, onAction: () => void}} deps `edit` moves an unsent message to the
 *   message box; `onAction` is called after the user has requested a retry or removed a message
 */
export function createMessageLog({ chat, edit, onAction }) {
  const box = find('log');
  const list = find('messages');
  const older = findButton('older');
  const loadOlder = older.textContent;
  const scroll = createAutoScroll(box, list);
  /** @type {Map<string, {node: HTMLElement, row: Row}>} */
  let rendered = new Map();
  /** Changes when the user opens a session, which scrolls to the end. */
  let opened = '';
  /** @type {Set<string>} keys of the queued messages, which are scrolled to the top when they are sent */
  const queued = new Set();

  const actions = {
    edit,
    retry(/** @type {string} */ requestId) {
      showQuestion(requestId);
      void chat.retry(requestId);
      onAction();
    },
    discard(/** @type {string} */ requestId) {
      chat.discard(requestId);
      onAction();
    },
  };
  listenToPrint({ chat, older });
  older.addEventListener('click', () => void chat.loadOlder());
  box.addEventListener('scroll', () => {
    const { view, messages } = chat.store.state;
    if (view === 'open' && messages.length > 0 && box.scrollTop < LOAD_OLDER_PX && !scroll.isPinned())
      void chat.loadOlder();
  });

  chat.store.watch(
    [
      'messages',
      'config',
      'unsent',
      'turn',
      'session',
      'personas',
      'view',
      'wait',
      'online',
      'signedOut',
      'hasOlder',
      'loadingOlder',
    ],
    (state) => {
      const rows = state.session ? buildRows(state, Date.now()) : [];
      const newest = rows.at(-1);
      const isAdded = newest !== undefined && !rendered.has(newest.key);
      updateFrame(state);
      scroll.preserve(() => reconcile(list, render(rows)), isAdded);
      if (state.session?.userId !== opened) {
        opened = state.session?.userId ?? '';
        queued.clear();
        scroll.pin();
      } else followQueue(rows, isAdded ? newest : null);
    },
  );

  /** Scrolls a message to the top when it is sent, and to the end while it waits for the reply above it. */
  function followQueue(/** @type {Row[]} */ rows, /** @type {Row | null} */ added) {
    if (added?.state === 'sending' || added?.state === 'held') showRow(added);
    if (added?.state === 'queued') scroll.follow();
    for (const row of rows) {
      if (row.state === 'queued') queued.add(row.key);
      else if (queued.delete(row.key) && scroll.isPinned()) showRow(row);
    }
  }

  function showRow(/** @type {Row} */ { key }) {
    const node = rendered.get(key)?.node;
    if (node) scroll.showAtTop(node);
  }

  /** Scrolls to the message that is sent again, or whose reply is requested again. */
  function showQuestion(/** @type {string} */ requestId) {
    const rows = [...rendered.values()].map(({ row }) => row);
    const index = rows.findIndex((row) => row.requestId === requestId);
    const question = rows.slice(0, index + 1).findLast(({ role }) => role === 'user');
    if (question) showRow(question);
  }

  function render(/** @type {Row[]} */ rows) {
    const next = new Map();
    const nodes = rows.map((row) => {
      const old = rendered.get(row.key);
      const node = old?.node ?? createRow(row);
      if (!old || !isEqual(old.row, row)) updateRow(node, row, actions);
      next.set(row.key, { node, row });
      return node;
    });
    rendered = next;
    return nodes;
  }

  /** Updates everything but the rows. */
  function updateFrame(
    /** @type {State} */ { view, config, session, personas, messages, unsent, turn, hasOlder, loadingOlder },
  ) {
    find('conversation').hidden = view === 'welcome';
    box.setAttribute('aria-busy', String(view === 'loading' || loadingOlder || turn?.state === 'streaming'));
    older.hidden = !hasOlder;
    setText(older, loadingOlder ? LOADING_OLDER : loadOlder);
    find('loading').hidden = view !== 'loading';
    const isEmpty = view === 'open' && messages.length === 0 && unsent.length === 0 && !turn;
    find('empty').hidden = !isEmpty;
    if (!isEmpty) return;
    setText(find('empty-persona'), personaName(personas, session?.persona));
    setText(find('empty-lifetime'), describeLifetime(config?.sessionTtlSeconds));
    setText(find('empty-description'), personas.find(({ key }) => key === session?.persona)?.description ?? '');
  }
}

function isEqual(/** @type {Row} */ a, /** @type {Row} */ b) {
  const keys = /** @type {(keyof Row)[]} */ (Object.keys({ ...a, ...b }));
  return keys.every((key) => a[key] === b[key]);
}
