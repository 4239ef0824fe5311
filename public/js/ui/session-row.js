// A row of a list of sessions: a link that opens the session, and its menu; or an undo of its deletion.
// @ts-check

import { formatAge, formatRemaining } from '../core/format-relative.js';
import { formatFull } from '../core/format-time.js';
import { HEADER, LABELS } from '../core/words/page.js';
import { ROW } from '../core/words/sessions.js';
import { messages } from '../core/words/units.js';
import { element, fillIn, setText } from './dom.js';

/**
 * Creates the row of a session. `update` shows the times as they are at a time of the server's clock.
 *
 * @param {Session} session
 * @param {{isCurrent: boolean, persona: string, href: string}} options
 * @param {SessionRowActions} actions
 * @returns {SessionRow}
 */
export function createSessionRow(session, { isCurrent, persona, href }, { open, openMenu }) {
  const { userId, messageCount, createdAt, lastActivity, expiresAt, preview } = session;
  const badge = isCurrent ? element('span', { class: 'badge' }, ROW.current) : null;
  const left = element('time', { class: 'session-left', datetime: expiresAt, title: formatFull(expiresAt) });
  const created = element('time', { datetime: createdAt, title: formatFull(createdAt) });
  const active = element('time', { datetime: lastActivity, title: formatFull(lastActivity) });
  const name = element('span', { class: 'session-name', dir: 'auto', title: userId }, userId);
  const facts = [element('bdi', {}, persona), ' · ', element('bdi', {}, messages(messageCount))];
  const previewClass = preview ? 'session-preview' : 'session-preview none';
  const link = element(
    'a',
    { class: 'session-open', href, title: ROW.facts(persona, messageCount), 'aria-current': isCurrent ? 'true' : null },
    element(
      'span',
      { class: 'session-line' },
      name,
      badge,
      element('span', { class: 'session-persona' }, ...facts),
      left,
    ),
    element(
      'span',
      { class: 'session-line' },
      element('span', { class: previewClass, dir: 'auto' }, preview || ROW.noMessages),
      element('span', { class: 'session-times' }, ...fillIn(ROW.times, { created, active })),
    ),
  );
  link.addEventListener('click', (event) => {
    // Another tab or window is opened by the browser.
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open();
  });
  const menu = element(
    'button',
    {
      type: 'button',
      class: 'button icon session-menu',
      title: ROW.menu,
      'aria-label': HEADER.menu(userId),
      'aria-haspopup': 'menu',
      'aria-expanded': 'false',
    },
    element('span', { class: 'dots', 'aria-hidden': 'true' }),
  );
  menu.addEventListener('click', () => openMenu(menu));
  return {
    node: element('li', { class: isCurrent ? 'session current' : 'session', 'data-user': userId }, link, menu),
    update(nowMs) {
      setText(left, formatRemaining(expiresAt, nowMs));
      setText(created, formatAge(createdAt, nowMs));
      setText(active, formatAge(lastActivity, nowMs));
    },
  };
}

/** Creates the row of a session whose deletion can be undone. */
export function createDeletedRow(/** @type {Session} */ { userId }, /** @type {() => void} */ undo) {
  const node = element(
    'li',
    { class: 'session deleted', 'data-user': userId },
    element('span', { class: 'session-deleted' }, ...fillIn(ROW.deleted, { name: element('bdi', {}, userId) })),
    element('span', { class: 'countdown', 'data-undo': userId, role: 'timer', 'aria-live': 'off' }),
    element('button', { type: 'button', class: 'button small', on: { click: undo } }, LABELS.undo),
  );
  return { node, update: () => {} };
}
