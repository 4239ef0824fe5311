// One row of the conversation: a day mark or a message with its author, time, text and, while it is not stored, its state.

import { fullTime } from '../core/format-time.js';
import { element, setText } from './dom.js';
import { showProse } from './prose.js';

const STATES = {
  sending: 'Sending…',
  failed: 'Not sent',
  sent: 'Sent',
  unanswered: 'No reply',
  streaming: 'Writing…',
  waiting: 'Waiting for the reply…',
  stopped: 'Stopped',
  cut: 'Incomplete',
  shortened: 'Ended at the length limit',
  filtered: 'Ended by the content filter',
};

export function createRow(row) {
  if (row.kind === 'day') return element('h2', { class: 'day' }, row.content);
  const author = element('span', { class: 'author', dir: 'auto' });
  const time = element('time', { class: 'time' });
  const status = element('span', { class: 'status' });
  const body = element('div', { class: 'body', dir: 'auto' });
  const node = element('article', { class: 'message', 'data-role': row.role }, body, element('footer', {}, author, time, status));
  if (row.role !== 'user') node.prepend(node.lastChild);
  parts.set(node, { author, time, status, body, state: null });
  return node;
}

/** @param {{retry: (id: string) => void, edit: (id: string) => void}} actions for a message that was not sent or not answered */
export function updateRow(node, row, actions) {
  const part = parts.get(node);
  if (!part) return setText(node, row.content);
  setText(part.author, row.author);
  if (row.role === 'assistant') showProse(part.body, row.content, row.state !== 'streaming');
  else setText(part.body, row.content);
  setText(part.time, row.time);
  if (row.timestamp) part.time.dateTime = row.timestamp;
  part.time.title = fullTime(row.timestamp);
  node.setAttribute('aria-label', row.author);
  if (part.state === row.state && part.fault === row.fault && part.note === row.note && part.retriable === row.retriable) return;
  part.state = row.state;
  part.fault = row.fault;
  part.note = row.note;
  part.retriable = row.retriable;
  node.dataset.state = row.state;
  setText(part.status, STATES[row.state] ?? '');
  part.below?.remove();
  part.below = below(row, actions);
  if (part.below) node.append(part.below);
}

/** What makes a row: the parts that change. Kept beside the nodes, not on them. */
const parts = new WeakMap();

/** What stands below a message that did not fare well, and what can be done about it. */
function below(row, { retry, edit }) {
  if (row.note) return element('p', { class: 'note' }, row.note);
  if (!row.fault) return null;
  const button = (label, act) => element('button', { type: 'button', class: 'button small', on: { click: () => act(row.requestId) } }, label);
  // What is stored can be asked about again, but not taken back.
  const ways = [row.retriable === false ? null : button('Retry', retry), row.state === 'failed' ? button('Edit', edit) : null];
  return element(
    'div',
    { class: 'failure' },
    element('p', { role: 'alert', dir: 'auto' }, row.fault),
    element('span', { class: 'failure-actions' }, ...ways),
  );
}
