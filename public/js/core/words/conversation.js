// Words of the conversation and of the message box.
// @ts-check

export const AUTHORS = { user: 'You', system: 'System' };

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
  notYet: 'No reply has come yet.',
  connectionLost: 'The connection was lost before the reply was complete.',
  notSent: 'The message could not be sent.',
  earlierSession: 'The message was meant for an earlier session with this name.',
};

/** A hint at the message box while a reply is written. */
export const REPLYING_HINT = 'A message that you send now waits until this reply is complete.';
export const LOADING_OLDER = 'Loading earlier messages…';
export const NOT_PRINTED = 'Earlier messages are not loaded, and not printed.';
export const JUMP_TO_NEW = 'New messages: jump to the end';

/** Labels of the button that unfolds a long message. */
export const FOLD = { more: 'Show more', less: 'Show less' };

/** `done` and `selected` are shown on the button for a while. The others are announced, with the name of the copied text. */
export const COPY = {
  label: 'Copy',
  done: 'Copied',
  selected: 'Selected',
  isDone: (/** @type {string} */ name) => `${name} copied.`,
  isSelected: (/** @type {string} */ name) => `${name} selected: copy it with the keyboard.`,
  message: 'Message',
  code: 'Code',
};
