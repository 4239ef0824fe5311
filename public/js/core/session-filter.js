// The list of sessions as it is read: those that match a search, in groups by the day of their last activity.

import { nameOf } from './personas.js';
import { periodOf } from './format-time.js';

/**
 * @param {{items: object[], query: string, limit: number}} list
 * @returns {{groups: {label: string, sessions: object[]}[], matching: number, shown: number}}
 */
export function listingOf({ items, query, limit }, personas, nowMs) {
  const words = plain(query).split(/\s+/).filter(Boolean);
  const matching = words.length === 0 ? items : items.filter((session) => matches(session, words, personas));
  const shown = matching.slice(0, limit);
  const groups = [];
  for (const session of shown) {
    const label = periodOf(session.last_activity, nowMs);
    if (groups.at(-1)?.label !== label) groups.push({ label, sessions: [] });
    groups.at(-1).sessions.push(session);
  }
  return { groups, matching: matching.length, shown: shown.length };
}

/** How many there are and how many were found, as a sentence without a full stop. */
export function countText({ count, query, status, items }, { matching }) {
  const all = count === 1 ? '1 session' : `${number(count)} sessions`;
  if (query.trim() === '') return all;
  if (status === 'loading') return `Searching, ${number(items.length)} of ${all} so far`;
  return `${number(matching)} of ${all}`;
}

function matches({ user_id, persona }, words, personas) {
  const text = plain(`${user_id} ${nameOf(personas, persona)}`);
  return words.every((word) => text.includes(word));
}

/** Without case and accents: who searches for `zoe` finds `Zoë`. */
const plain = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

const number = (value) => new Intl.NumberFormat().format(value);
