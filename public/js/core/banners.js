// The error table: the banners above the conversation for each state, and the action that each offers.
// @ts-check

import { formatSeconds } from './format-time.js';
import { personaName } from './personas.js';
import { describeSignedOut } from './sign-in.js';
import { WAITS } from './words/errors.js';
import { BANNERS, LABELS } from './words/page.js';
import { describeLifetime } from './words/units.js';

/** @returns {Banner[]} */
export function buildBanners(/** @type {State} */ state) {
  const { view, session, problem, wait, signedOut, online, remainingMs, personas, notice } = state;
  /** @type {Banner[]} */
  const banners = [];

  if (!online) {
    banners.push({
      id: 'offline',
      tone: 'warn',
      text: BANNERS.offline,
    });
  } else if (signedOut) {
    banners.push({ id: 'signed-out', tone: 'warn', action: 'signIn', ...describeSignedOut(signedOut) });
  } else if (wait && wait.reason !== 'TURN_IN_PROGRESS') {
    // A message that waits for a turn is shown as queued.
    banners.push({
      id: 'waiting',
      tone: 'warn',
      text: describeWait(wait),
      until: wait.until,
      action: 'retryNow',
      label: LABELS.tryNow,
    });
  }

  if (view === 'gone') {
    const userId = session?.userId ?? '';
    const isUnknown = state.isUnknownAddress && session?.sessionId === '';
    banners.push({
      id: 'gone',
      tone: 'danger',
      text: isUnknown ? BANNERS.unknown(userId) : BANNERS.ended(describeLifetime(state.config?.sessionTtlSeconds)),
      action: 'recreateSession',
      label: isUnknown ? BANNERS.start(userId) : BANNERS.startAgain(userId),
    });
  } else if (view === 'failed' && !(signedOut && problem?.kind === 'unauthenticated')) {
    banners.push({
      id: 'failed',
      tone: 'danger',
      text: BANNERS.notLoaded(problem?.explanation ?? ''),
      action: 'reload',
      label: LABELS.tryAgain,
    });
  } else if (view === 'open' && remainingMs !== null) {
    banners.push({
      id: 'ending',
      tone: 'info',
      text: BANNERS.ending(personaName(personas, session?.persona)),
      leftMs: remainingMs,
      action: 'extendSession',
      label: LABELS.keep,
    });
  }

  if (state.unsent.some((entry) => entry.problem?.reason === 'SESSION_FULL')) {
    banners.push({
      id: 'full',
      tone: 'danger',
      text: BANNERS.full,
      action: 'newSession',
      label: LABELS.newSession,
    });
  }
  if (state.ownerNotice) {
    banners.push({
      id: 'owner',
      tone: 'info',
      text: BANNERS.owner,
      isStatus: true,
      action: 'dismissOwnerNotice',
      label: LABELS.gotIt,
    });
  }
  if (notice)
    banners.push({ id: 'notice', tone: 'danger', text: notice, action: 'dismissNotice', label: LABELS.dismiss });
  return banners;
}

/** Describes the reason for a wait in a sentence. */
export function describeWait(/** @type {Pick<Wait, 'kind' | 'reason'>} */ { kind, reason }) {
  if (kind === 'offline' || kind === 'unreachable') return WAITS[kind];
  if (reason === 'MODEL_UNAVAILABLE') return WAITS.model;
  return reason === 'OVERLOADED' || reason === 'RATE_LIMITED' ? WAITS.busy : WAITS.unavailable;
}

/** Returns the time until the next attempt, as a phrase. It is empty while the browser is offline. */
export const describeCountdown = (/** @type {number} */ until, /** @type {number} */ nowMs) =>
  Number.isFinite(until) ? WAITS.countdown(formatSeconds(until - nowMs)) : '';
