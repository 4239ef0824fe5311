// Filters the list of sessions by a search and groups it by the day of the last activity.
// @ts-check

import { formatPeriod } from './format-time.js';
import { personaName } from './personas.js';
import { COUNTS } from './words/sessions.js';

/**
 * @param {Pick<ListState, 'items' | 'query' | 'limit'>} list
 * @param {Persona[]} personas
 * @param {number} nowMs
 * @returns {FilteredSessions}
 */
export function filterSessions({ items, query, limit }, personas, nowMs) {
  const words = normalize(query).split(/\s+/).filter(Boolean);
  const matching = words.length === 0 ? items : items.filter((session) => matches(session, words, personas));
  const shown = matching.slice(0, limit);
  /** @type {FilteredSessions['groups']} */
  const groups = [];
  for (const session of shown) {
    const label = formatPeriod(session.lastActivity, nowMs);
    if (groups.at(-1)?.label !== label) groups.push({ label, sessions: [] });
    groups.at(-1)?.sessions.push(session);
  }
  return { groups, matching: matching.length, shown: shown.length };
}

/**
 * Describes the number of sessions, and of those that match, without a full stop.
 *
 * @param {Pick<ListState, 'count' | 'query' | 'status' | 'items'>} list
 * @param {Pick<FilteredSessions, 'matching'>} filtered
 */
export function describeCount({ count, query, status, items }, { matching }) {
  if (query.trim() === '') return COUNTS.all(count);
  if (status === 'loading') return COUNTS.searching(items.length, count);
  return COUNTS.matching(matching, count);
}

function matches(
  /** @type {Session} */ { userId, persona, preview },
  /** @type {string[]} */ words,
  /** @type {Persona[]} */ personas,
) {
  const text = normalize(`${userId} ${personaName(personas, persona)} ${preview}`);
  return words.every((word) => text.includes(word));
}

/** Removes case and accents, so that `zoe` finds `Zoë`. */
const normalize = (/** @type {string} */ text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
