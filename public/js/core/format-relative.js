// Formats ages and remaining times in words of the page's language. Absolute times are formatted by format-time.js.
// @ts-check

import { AGES, REMAINING } from './words/sessions.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Remaining time up to which minutes are shown. */
const MAX_MINUTES = 90;

/** `just now`, `5 min ago`, `3 h ago` or `2 days ago`; empty for an invalid time */
export function formatAge(/** @type {string} */ iso, /** @type {number} */ nowMs) {
  const ageMs = nowMs - Date.parse(iso);
  if (Number.isNaN(ageMs)) return '';
  if (ageMs < MINUTE_MS) return AGES.now;
  if (ageMs < HOUR_MS) return AGES.minutes(Math.floor(ageMs / MINUTE_MS));
  if (ageMs < DAY_MS) return AGES.hours(Math.floor(ageMs / HOUR_MS));
  return AGES.days(Math.floor(ageMs / DAY_MS));
}

/** `ends in 42 min`, `ends in 5 h`, `ends in 3 days` or `has ended`; empty for an invalid time */
export function formatRemaining(/** @type {string} */ iso, /** @type {number} */ nowMs) {
  const leftMs = Date.parse(iso) - nowMs;
  if (Number.isNaN(leftMs)) return '';
  if (leftMs <= 0) return REMAINING.none;
  const minutes = Math.ceil(leftMs / MINUTE_MS);
  if (minutes <= MAX_MINUTES) return REMAINING.minutes(minutes);
  if (leftMs < 2 * DAY_MS) return REMAINING.hours(Math.round(leftMs / HOUR_MS));
  return REMAINING.days(Math.floor(leftMs / DAY_MS));
}
