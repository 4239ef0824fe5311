// The error table: which notices stand above the conversation in which state, and what each offers.

import { nameOf } from './personas.js';

/**
 * @returns {{id: string, tone: 'danger' | 'warn' | 'info', text: string, until?: number, leftMs?: number, action?: string, label?: string}[]}
 *   `until` (this machine's clock) and `leftMs` are shown as a countdown; `action` is a name that the page knows how to do
 */
export function bannersOf(state) {
  const { view, session, problem, waiting, online, endingMs, personas, notice } = state;
  const banners = [];

  if (!online) {
    banners.push({
      id: 'offline',
      tone: 'warn',
      text: 'You are offline. What you write is kept, and goes out when the connection is back.',
    });
  } else if (waiting) {
    banners.push({ id: 'waiting', tone: 'warn', text: waitingText(waiting), until: waiting.until, action: 'wake', label: 'Try now' });
  }

  if (view === 'gone') {
    banners.push({
      id: 'gone',
      tone: 'danger',
      text: 'This session has ended. What you wrote is kept.',
      action: 'startAgain',
      label: `Start again as ${session.user_id}`,
    });
  } else if (view === 'failed') {
    banners.push({
      id: 'failed',
      tone: 'danger',
      text: `The conversation could not be loaded. ${problem.explanation}`,
      action: 'reload',
      label: 'Try again',
    });
  } else if (view === 'open' && endingMs !== null) {
    banners.push({
      id: 'ending',
      tone: 'info',
      text: `This session with ${nameOf(personas, session.persona)} ends soon.`,
      leftMs: endingMs,
      action: 'keep',
      label: 'Keep this session',
    });
  }

  if (state.pending.some((entry) => entry.problem?.reason === 'SESSION_FULL')) {
    banners.push({
      id: 'full',
      tone: 'danger',
      text: 'This session is full. Your message is kept below; start a new session to go on.',
      action: 'newSession',
      label: 'New session',
    });
  }
  if (notice) banners.push({ id: 'notice', tone: 'danger', text: notice, action: 'dismissNotice', label: 'Dismiss' });
  return banners;
}

/** What keeps a call from succeeding, in words. */
export function waitingText({ kind, reason }) {
  if (kind === 'unreachable') return 'The service cannot be reached.';
  if (reason === 'TURN_IN_PROGRESS') return 'A reply is still being written.';
  if (reason === 'MODEL_UNAVAILABLE') return 'The assistant cannot be reached for the moment.';
  if (reason === 'OVERLOADED' || reason === 'RATE_LIMITED') return 'The service is busy.';
  return 'The service is unavailable for the moment.';
}
