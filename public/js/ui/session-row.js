// A row of the Sessions dialog: opens, exports or deletes a session, or undoes its deletion.
// @ts-check

import { formatDayAndTime, formatFull } from '../core/format-time.js';
import { element } from './dom.js';

const EXPORT_FORMATS = [
  ['markdown', 'Markdown'],
  ['json', 'JSON'],
];

/**
 * @param {Session} session
 * @param {{isCurrent: boolean, persona: string, isExpanded: boolean}} options `isExpanded` shows the export options
 * @param {SessionRowActions} actions
 */
export function createSessionRow(session, { isCurrent, persona, isExpanded }, actions) {
  const { open, remove, onExpand } = actions;
  const { userId, messageCount, createdAt, lastActivity } = session;
  const count = messageCount === 1 ? '1 message' : `${messageCount} messages`;
  const badge = isCurrent ? element('span', { class: 'badge' }, 'Current') : null;
  const openButton = element(
    'button',
    { type: 'button', class: 'session-open', 'aria-current': isCurrent ? 'true' : null, on: { click: open } },
    element('span', { class: 'session-name' }, element('bdi', {}, userId), badge),
    element('span', { class: 'session-persona' }, element('bdi', {}, persona), ' · ', element('bdi', {}, count)),
    element('span', { class: 'session-times' }, 'Created ', createTime(createdAt)),
    element('span', { class: 'session-times' }, 'Last activity ', createTime(lastActivity)),
  );
  const links = createExportLinks(session, isExpanded, actions);
  const expands = { 'aria-expanded': String(isExpanded), 'aria-controls': links.id };
  const button = { type: 'button', class: 'button quiet muted small' };
  const exportButton = element('button', { ...button, 'aria-label': `Export session ${userId}`, ...expands }, 'Export');
  exportButton.addEventListener('click', () => {
    links.hidden = !links.hidden;
    exportButton.setAttribute('aria-expanded', String(!links.hidden));
    onExpand(!links.hidden);
  });
  const removal = {
    class: 'button quiet muted danger small',
    'aria-label': `Delete session ${userId}`,
    on: { click: remove },
  };
  const buttons = element(
    'div',
    { class: 'session-actions' },
    exportButton,
    element('button', { ...button, ...removal }, 'Delete'),
  );
  return element(
    'li',
    { class: isCurrent ? 'session current' : 'session', 'data-user': userId },
    element('div', { class: 'session-main' }, openButton, buttons),
    links,
  );
}

/** Creates the row of a session whose deletion can be undone. */
export function createDeletedRow(/** @type {Session} */ { userId }, /** @type {() => void} */ undo) {
  return element(
    'li',
    { class: 'session deleted', 'data-user': userId },
    element('span', { class: 'session-deleted' }, element('bdi', {}, userId), ' was deleted.'),
    element('span', { class: 'countdown', 'data-undo': userId, role: 'timer', 'aria-live': 'off' }),
    element('button', { type: 'button', class: 'button small', on: { click: undo } }, 'Undo'),
  );
}

/** Creates download links. The browser saves each file under the name that the service sends. */
function createExportLinks(
  /** @type {Session} */ session,
  /** @type {boolean} */ shown,
  /** @type {Pick<SessionRowActions, 'exportUrl' | 'checkExport'>} */ { exportUrl, checkExport },
) {
  async function download(/** @type {Event} */ event, /** @type {string} */ href) {
    event.preventDefault();
    // This link is not in the document, so its click is not checked again.
    if (await checkExport()) element('a', { href, download: true }).click();
  }

  const links = EXPORT_FORMATS.map(([format, label]) => {
    const name = `Export ${session.userId} as ${label}`;
    const href = exportUrl(format);
    const on = { click: (/** @type {Event} */ event) => void download(event, href) };
    return element('a', { class: 'button small', href, download: true, 'aria-label': name, on }, label);
  });
  const id = `export ${session.sessionId}`.replace(/\s/g, '_');
  return element('div', { class: 'export-links', id, hidden: !shown }, 'Save as', ...links);
}

const createTime = (/** @type {string} */ iso) =>
  element('time', { datetime: iso, title: formatFull(iso) }, formatDayAndTime(iso, Date.now()));
