// One session in the Sessions dialog: a button that opens it, ways to export and to delete it, and undo while there is time.

import { fullTime, moment } from '../core/format-time.js';
import { element } from './dom.js';

const FORMATS = [
  ['markdown', 'Markdown'],
  ['json', 'JSON'],
];

/**
 * @param {object} session as the service lists it
 * @param {{current: boolean, persona: string, exporting: boolean}} how
 * @param {{open: () => void, remove: () => void, exporting: (shown: boolean) => void, address: (format: string) => string}} actions
 */
export function sessionRow(session, { current, persona, exporting }, actions) {
  const { user_id: userId, message_count: messages } = session;
  const count = messages === 1 ? '1 message' : `${messages} messages`;
  const open = element(
    'button',
    { type: 'button', class: 'session-open', 'aria-current': current ? 'true' : null, on: { click: actions.open } },
    element('span', { class: 'session-name' }, element('bdi', {}, userId), current ? element('span', { class: 'badge' }, 'Current') : null),
    element('span', { class: 'session-persona' }, element('bdi', {}, persona), ' · ', element('bdi', {}, count)),
    element('span', { class: 'session-facts' }, 'Created ', time(session.created_at)),
    element('span', { class: 'session-facts' }, 'Last activity ', time(session.last_activity)),
  );
  const ways = exportWays(session, exporting, actions.address);
  const expands = { 'aria-expanded': String(exporting), 'aria-controls': ways.id };
  const more = element('button', { type: 'button', class: 'button quiet plain small', 'aria-label': `Export session ${userId}`, ...expands }, 'Export');
  more.addEventListener('click', () => {
    ways.hidden = !ways.hidden;
    more.setAttribute('aria-expanded', String(!ways.hidden));
    actions.exporting(!ways.hidden);
  });
  const remove = element(
    'button',
    { type: 'button', class: 'button quiet plain danger small', 'aria-label': `Delete session ${userId}`, on: { click: actions.remove } },
    'Delete',
  );
  const shell = { class: current ? 'session current' : 'session', 'data-user': userId };
  const actionsNode = element('div', { class: 'session-actions' }, more, remove);
  return element('li', shell, element('div', { class: 'session-main' }, open, actionsNode), ways);
}

/** What stands in the row's place until the deletion is sent. */
export function deletedRow({ user_id: userId }, undo) {
  return element(
    'li',
    { class: 'session deleted', 'data-user': userId },
    element('span', { class: 'session-deleted' }, element('bdi', {}, userId), ' was deleted.'),
    element('span', { class: 'countdown', 'data-undo': userId, role: 'timer', 'aria-live': 'off' }),
    element('button', { type: 'button', class: 'button small', on: { click: undo } }, 'Undo'),
  );
}

/** Links, so that the browser saves what comes under the name that the service gives it. */
function exportWays({ session_id: id, user_id: userId }, shown, address) {
  const links = FORMATS.map(([format, words]) =>
    element('a', { class: 'button small', href: address(format), download: true, 'aria-label': `Export ${userId} as ${words}` }, words),
  );
  return element('div', { class: 'export-ways', id: `export ${id}`.replace(/\s/g, '_'), hidden: !shown }, 'Save as', ...links);
}

const time = (iso) => element('time', { datetime: iso, title: fullTime(iso) }, moment(iso, Date.now()));
