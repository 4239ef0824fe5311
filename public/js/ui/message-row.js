// A row of the conversation: a day separator, or a message with its author, time, text and state.
// @ts-check

import { formatFull } from '../core/format-time.js';
import { STATES } from '../core/words/conversation.js';
import { LABELS } from '../core/words/page.js';
import { element, setText } from './dom.js';
import { addActions, foldIfLong } from './message-extras.js';
import { showProse } from './prose.js';

/** @type {(keyof Row)[]} */
const OUTCOME_FIELDS = ['state', 'error', 'note', 'retriable'];

/** @type {WeakMap<Element, RowParts>} message nodes to their parts */
const partsOf = new WeakMap();

/** @returns {HTMLElement} */
export function createRow(/** @type {Row} */ row) {
  if (row.kind === 'day') return element('h2', { class: 'day' }, row.content);
  const author = element('span', { class: 'author', dir: 'auto' });
  const time = element('time', { class: 'time' });
  const status = element('span', { class: 'status' });
  const body = element('div', { class: 'body', dir: 'auto' });
  const actions = element('span', { class: 'message-actions' });
  addActions(actions, body, () => partsOf.get(node)?.shown?.content ?? '');
  const footer = element('footer', {}, author, time, status);
  if (row.role === 'user') footer.prepend(actions);
  const parts = row.role === 'user' ? [body, footer] : [footer, body, actions];
  const node = element('article', { class: 'message', 'data-role': row.role }, ...parts);
  partsOf.set(node, { author, time, status, body, outcome: null, shown: null });
  return node;
}

export function updateRow(/** @type {HTMLElement} */ node, /** @type {Row} */ row, /** @type {RowActions} */ actions) {
  const parts = partsOf.get(node);
  if (!parts) return setText(node, row.content);
  const { author = '', time = '', timestamp, state = 'stored' } = row;
  setText(parts.author, author);
  if (row.role === 'assistant') showProse(parts.body, row.content, state !== 'streaming' && state !== 'stopping');
  else setText(parts.body, row.content);
  if (row.role === 'user' && !parts.shown) foldIfLong(parts.body, row.content);
  setText(parts.time, time);
  if (timestamp) parts.time.dateTime = timestamp;
  parts.time.title = formatFull(timestamp);
  node.setAttribute('aria-label', author);
  const { shown } = parts;
  parts.shown = row;
  // An alert that is replaced would be read out again.
  if (shown && OUTCOME_FIELDS.every((field) => shown[field] === row[field])) return;
  node.dataset.state = state;
  setText(parts.status, STATES[state]);
  parts.outcome?.remove();
  parts.outcome = createOutcome(row, actions);
  if (parts.outcome) node.append(parts.outcome);
}

/** Creates the note or the error below a message, with the actions that it offers. */
function createOutcome(/** @type {Row} */ row, /** @type {RowActions} */ { retry, edit, discard }) {
  const isWaiting = row.state === 'queued' || row.state === 'held';
  const button = (/** @type {string} */ label, /** @type {(requestId: string) => void} */ act) =>
    element(
      'button',
      {
        type: 'button',
        class: `button small${isWaiting ? ' quiet' : ''}`,
        on: { click: () => act(row.requestId ?? '') },
      },
      label,
    );
  // Only an unsent message can be edited or removed.
  const buttons = [
    row.retriable && (row.error || row.note) ? button(LABELS.tryAgain, retry) : null,
    row.state === 'failed' ? button(LABELS.edit, edit) : null,
    isWaiting ? button(LABELS.takeBack, edit) : null,
    isWaiting ? button(LABELS.remove, discard) : null,
  ].filter((offered) => offered !== null);
  if (buttons.length === 0 && !row.error && !row.note) return null;
  return element(
    'div',
    { class: 'outcome', 'data-tone': row.error ? 'danger' : null },
    row.error ? element('p', { role: 'alert', dir: 'auto' }, row.error) : null,
    row.note ? element('p', { class: 'note' }, row.note) : null,
    buttons.length > 0 ? element('span', { class: 'outcome-actions' }, ...buttons) : null,
  );
}
