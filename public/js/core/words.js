// The copy of the page: every sentence that people read, by topic. Texts of the API are for programmers and are not shown.
// @ts-check

import { formatNumber } from './locale.js';

/** @type {Record<string, string>} what an error means and what to do, by its reason */
export const REASONS = {
  INVALID_ARGUMENT: 'The service did not accept this. Change it and try again.',
  SESSION_NOT_FOUND: 'This session has ended.',
  SESSION_EXISTS: 'This name is in use. Open that session, or choose another name.',
  TURN_IN_PROGRESS: 'Another reply is being written in this session. Wait until it is complete.',
  TURN_CANCELLED: 'The reply was stopped before it began.',
  SESSION_FULL: 'This session is full. Start a new one to continue.',
  TOO_MANY_SESSIONS: 'You have as many sessions as this server permits. Delete one, or wait until one ends.',
  STORE_UNAVAILABLE: 'The service is unavailable. Try again in a minute.',
  OVERLOADED: 'The service is busy. Try again in a minute.',
  MODEL_UNAVAILABLE: 'The model cannot be reached. Try again in a minute.',
  SERVICE_UNAVAILABLE: 'The service is unavailable. Try again in a minute.',
  DEADLINE_EXCEEDED: 'The service took too long. Try again in a minute.',
  PERMISSION_DENIED: 'This server does not permit this. Reload the page and try again.',
  UNIMPLEMENTED: 'This server cannot do this. Reload the page, in case it is outdated.',
  INTERNAL: 'Something went wrong in the service. Try again; if that does not help, report it.',
  UNAUTHENTICATED: 'This browser has no valid cookie for this server.',
  RATE_LIMITED: 'You are sending faster than this server permits. Wait for a minute.',
};

/** @type {Record<ErrorKind, string>} the same for errors without a known reason, such as those of a proxy */
export const KINDS = {
  unreachable: 'The service cannot be reached.',
  unauthenticated: REASONS.UNAUTHENTICATED,
  busy: REASONS.SERVICE_UNAVAILABLE,
  invalid: REASONS.INVALID_ARGUMENT,
  gone: REASONS.SESSION_NOT_FOUND,
  exists: REASONS.SESSION_EXISTS,
  full: 'There is no room for more. Delete a session, or start a new one.',
  forbidden: REASONS.PERMISSION_DENIED,
  failed: REASONS.INTERNAL,
};

export const SIGNED_OUT = 'You are signed out.';
export const TOO_LARGE = 'This is too long. Shorten it, or send it in parts.';
export const reference = (/** @type {string} */ requestId) => ` (reference ${requestId})`;

const BAD_MESSAGE = 'The service does not accept this message. Change it and send it again.';
/** The same for a field that the service has rejected, by its last name. */
export const FIELDS = new Map([
  ['user_id', 'The service does not accept this name. Choose another one.'],
  ['persona', 'The service does not have this persona any more. Choose another one.'],
  ['message', BAD_MESSAGE],
  ['content', BAD_MESSAGE],
]);

/** Sentences about a wait, by its reason. */
export const WAITS = {
  offline: 'You are offline.',
  unreachable: KINDS.unreachable,
  model: 'The model cannot be reached.',
  busy: 'The service is busy.',
  unavailable: 'The service is unavailable.',
};

export const BANNERS = {
  offline: 'You are offline. Your messages are kept, and sent when the connection is back.',
  ended: (/** @type {string} */ lifetime) =>
    `This session has ended, and its messages are deleted. What you have not sent is safe.${lifetime && ` ${lifetime}`}`,
  unknown: (/** @type {string} */ userId) =>
    `There is no session of “${userId}”: it has ended, or it never existed. Check the address, or start one.`,
  notLoaded: (/** @type {string} */ problem) => `The conversation could not be loaded. ${problem}`,
  ending: (/** @type {string} */ persona) => `This session with ${persona} ends soon.`,
  full: 'This session is full. Your message is kept below; start a new session to continue.',
  owner: 'Your sessions belong to this browser. Other browsers and devices do not see them.',
  startAgain: (/** @type {string} */ userId) => `Start again as ${userId}`,
  start: (/** @type {string} */ userId) => `Start a session as ${userId}`,
};

export const LABELS = {
  tryNow: 'Try now',
  tryAgain: 'Try again',
  keep: 'Keep this session',
  newSession: 'New session',
  gotIt: 'Got it',
  dismiss: 'Dismiss',
  edit: 'Edit',
  takeBack: 'Take back',
  remove: 'Remove',
};

/** Sentences about an action that has failed. Each is followed by the reason. */
export const NOTICES = {
  notDeleted: (/** @type {string} */ userId) => `The session of ${userId} could not be deleted.`,
  notStarted: 'The session could not be started again.',
  notKept: 'The session could not be kept.',
  notStopped: 'The reply could not be stopped.',
  noOlder: 'Earlier messages could not be loaded.',
};

/** @type {Record<RowState, string>} the state of a message */
export const STATES = {
  sending: 'Sending…',
  queued: 'Sends after this reply',
  held: 'Waiting to be sent',
  failed: 'Not sent',
  sent: 'Sent',
  stored: '',
  unanswered: 'No reply',
  cancelled: 'No reply',
  streaming: 'Writing…',
  stopping: 'Stopping…',
  waiting: 'Waiting for the reply…',
  stopped: 'Stopped',
  cut: 'Incomplete',
  shortened: 'Ended at the length limit',
  filtered: 'Ended by the content filter',
};

/** @type {Partial<Record<RowState, string>>} sentences below the replies that did not end by themselves */
export const FINISH_NOTES = {
  shortened: 'The reply has reached the length limit of the model. Ask it to go on.',
  filtered: 'The content filter of the model has ended the reply here.',
  stopped: 'The reply was stopped here.',
};

export const REPLIES = {
  none: 'Your message is stored, but no reply came.',
  brokeOff: 'The reply broke off.',
  notYet: 'No reply has come so far.',
  connectionLost: 'The connection was lost before the reply was complete.',
  notSent: 'The message could not be sent.',
  earlierSession: 'The message was meant for an earlier session of this name.',
};

export const AUTHORS = { user: 'You', system: 'System' };

export const VALIDATION = {
  dots: 'A name needs more than dots.',
  controlCharacters: 'A name cannot contain control characters.',
  longName: (/** @type {number} */ excess) => `This name is ${characters(excess)} too long.`,
  longMessage: (/** @type {number} */ excess) =>
    `This message is ${characters(excess)} too long. Shorten it, or send it in parts.`,
};

const characters = (/** @type {number} */ count) => (count === 1 ? '1 character' : `${formatNumber(count)} characters`);

const UNITS = /** @type {const} */ ([
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
]);

/** Returns the lifetime of a conversation as a sentence, or nothing if it is unknown. */
export function describeLifetime(/** @type {number | undefined} */ seconds) {
  const unit = UNITS.find(([length]) => Number(seconds) >= length && Number(seconds) % length === 0);
  if (!unit) return '';
  const count = Number(seconds) / unit[0];
  return `Conversations are kept for ${formatNumber(count)} ${unit[1]}${count === 1 ? '' : 's'} after the last message.`;
}
