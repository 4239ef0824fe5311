// The error table: the banners above the conversation for each state, and the action that each offers.
// @ts-check

import { formatSeconds } from './format-time.js';
import { personaName } from './personas.js';
import { describeSignedOut } from './sign-in.js';

/** @returns {Banner[]} */
export function buildBanners(/** @type {State} */ state) {
  const { view, session, problem, wait, signedOut, online, remainingMs, personas, notice } = state;
  /** @type {Banner[]} */
  const banners = [];

  if (!online) {
    banners.push({
      id: 'offline',
      tone: 'warn',
      text: 'You are offline. Your messages are kept, and sent when the connection is back.',
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
      label: 'Try now',
    });
  }

  if (view === 'gone') {
    banners.push({
      id: 'gone',
      tone: 'danger',
      text: 'This session has ended. What you wrote is kept.',
      action: 'recreateSession',
      label: `Start again as ${session?.userId}`,
    });
  } else if (view === 'failed' && !(signedOut && problem?.kind === 'unauthenticated')) {
    banners.push({
      id: 'failed',
      tone: 'danger',
      text: `The conversation could not be loaded. ${problem?.explanation}`,
      action: 'reload',
      label: 'Try again',
    });
  } else if (view === 'open' && remainingMs !== null) {
    banners.push({
      id: 'ending',
      tone: 'info',
      text: `This session with ${personaName(personas, session?.persona)} ends soon.`,
      leftMs: remainingMs,
      action: 'extendSession',
      label: 'Keep this session',
    });
  }

  if (state.unsent.some((entry) => entry.problem?.reason === 'SESSION_FULL')) {
    banners.push({
      id: 'full',
      tone: 'danger',
      text: 'This session is full. Your message is kept below; start a new session to continue.',
      action: 'newSession',
      label: 'New session',
    });
  }
  if (state.ownerNotice) {
    banners.push({
      id: 'owner',
      tone: 'info',
      text: 'Your sessions belong to this browser. Other browsers and devices do not see them.',
      isStatus: true,
      action: 'dismissOwnerNotice',
      label: 'Got it',
    });
  }
  if (notice) banners.push({ id: 'notice', tone: 'danger', text: notice, action: 'dismissNotice', label: 'Dismiss' });
  return banners;
}

/** Describes the reason for a wait in a sentence. */
export function describeWait(/** @type {Pick<Wait, 'kind' | 'reason'>} */ { kind, reason }) {
  if (kind === 'offline') return 'You are offline.';
  if (kind === 'unreachable') return 'The service cannot be reached.';
  if (reason === 'MODEL_UNAVAILABLE') return 'The assistant cannot be reached for the moment.';
  if (reason === 'OVERLOADED' || reason === 'RATE_LIMITED') return 'The service is busy.';
  return 'The service is unavailable for the moment.';
}

/** Returns the time until the next attempt, as a phrase. It is empty while the browser is offline. */
export const describeCountdown = (/** @type {number} */ until, /** @type {number} */ nowMs) =>
  Number.isFinite(until) ? `Trying again in ${formatSeconds(until - nowMs)}` : '';
