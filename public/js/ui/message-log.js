// The conversation: draws rows where they changed, offers older ones, says when it is busy.

import { nameOf } from '../core/personas.js';
import { rowsOf } from '../core/message-rows.js';
import { arrange, find, setText } from './dom.js';
import { createRow, updateRow } from './message-row.js';
import { createScroll } from './scroll.js';

/** How near to the top older messages are asked for without a click, in pixels. */
const NEAR_TOP = 200;

/**
 * @param {{chat: object, edit: (requestId: string) => void, onRetry: () => void}} deps `edit` brings a failed message back to the
 *   composer; `onRetry` runs when one is sent, or its reply asked for, again
 */
export function createLog({ chat, edit, onRetry }) {
  const box = find('log');
  const list = find('messages');
  const older = find('older');
  const scroll = createScroll(box, list, find('new-messages'));
  /** Row key to `{node, row}` as drawn. */
  let drawn = new Map();
  /** What the reader came for last: another session, or a message of their own. Either leads to the end. */
  let intent = '';

  const actions = {
    edit,
    retry: (requestId) => {
      scroll.pin();
      void chat.retry(requestId);
      onRetry();
    },
  };
  older.addEventListener('click', () => void chat.loadOlder());
  box.addEventListener('scroll', () => {
    const { view, messages } = chat.store.state;
    if (view === 'open' && messages.length > 0 && box.scrollTop < NEAR_TOP && scroll.isReading()) void chat.loadOlder();
  });

  chat.store.watch(['messages', 'pending', 'reply', 'session', 'personas', 'view', 'hasOlder', 'loadingOlder'], (state) => {
    const rows = state.session ? rowsOf(state, Date.now()) : [];
    const added = rows.length > 0 && !drawn.has(rows.at(-1).key);
    showFrame(state);
    scroll.around(() => arrange(list, draw(rows)), added);
    const next = `${state.session?.user_id} ${state.pending.at(-1)?.request_id ?? ''}`;
    if (next !== intent && (added || rows.length === 0)) scroll.pin();
    intent = next;
  });

  function draw(rows) {
    const next = new Map();
    for (const row of rows) {
      const old = drawn.get(row.key);
      const node = old?.node ?? createRow(row);
      if (!old || !same(old.row, row)) updateRow(node, row, actions);
      next.set(row.key, { node, row });
    }
    drawn = next;
    return rows.map(({ key }) => next.get(key).node);
  }

  /** What stands around the rows. */
  function showFrame({ view, session, personas, messages, pending, reply, hasOlder, loadingOlder }) {
    find('conversation').hidden = view === 'welcome';
    box.setAttribute('aria-busy', String(view === 'loading' || loadingOlder || reply?.state === 'streaming'));
    older.hidden = !hasOlder;
    setText(older, loadingOlder ? 'Loading earlier messages…' : 'Load earlier messages');
    find('loading').hidden = view !== 'loading';
    const empty = view === 'open' && messages.length === 0 && pending.length === 0 && !reply;
    find('empty').hidden = !empty;
    if (!empty) return;
    setText(find('empty-persona'), nameOf(personas, session.persona));
    setText(find('empty-description'), personas.find(({ key }) => key === session.persona)?.description ?? '');
  }
}

const same = (a, b) => Object.keys(b).every((key) => a[key] === b[key]);
