// One row of the conversation: a day mark or a message with its author, time, text and, while it is not stored, its state.

import { fullTime } from '../core/times.js';
import { element, setText } from './dom.js';

const STATES = { sending: 'Sending…', failed: 'Not sent', sent: 'Sent', cut: 'Cut off' };

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

/** @param {{retry: (id: string) => void, edit: (id: string) => void}} actions for a message that was not sent */
export function updateRow(node, row, actions) {
  const part = parts.get(node);
  if (!part) return setText(node, row.content);
  setText(part.author, row.author);
  setText(part.body, row.content);
  setText(part.time, row.time);
  if (row.timestamp) part.time.dateTime = row.timestamp;
  part.time.title = fullTime(row.timestamp);
  node.setAttribute('aria-label', row.author);
  if (part.state === row.state && part.fault === row.fault) return;
  part.state = row.state;
  part.fault = row.fault;
  node.dataset.state = row.state;
  setText(part.status, STATES[row.state] ?? '');
  part.failure?.remove();
  part.failure = row.state === 'failed' ? failure(row, actions) : null;
  if (part.failure) node.append(part.failure);
}

/** What makes a row: the parts that change. Kept beside the nodes, not on them. */
const parts = new WeakMap();

function failure(row, { retry, edit }) {
  const button = (label, act) => element('button', { type: 'button', class: 'button small', on: { click: () => act(row.requestId) } }, label);
  return element(
    'div',
    { class: 'failure' },
    element('p', { role: 'alert', dir: 'auto' }, row.fault),
    element('span', { class: 'failure-actions' }, button('Retry', retry), button('Edit', edit)),
  );
}
