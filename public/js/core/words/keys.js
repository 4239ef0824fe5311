// Words of the sheet of the keyboard's shortcuts.
// @ts-check

export const HEADING = 'Keyboard shortcuts';
export const CLOSE = 'Close';

/** @type {(sessionsKeys: string[]) => [keys: string[], effect: string][]} `sessionsKeys` open the sessions on this system */
export const describeKeys = (sessionsKeys) => [
  [['Enter'], 'Send the message'],
  [['Shift', 'Enter'], 'Start a new line'],
  [['↑'], 'In an empty message box: take the last message back if it is not sent yet'],
  [['Esc'], 'Close what is open, or else stop the reply'],
  [sessionsKeys, 'Search the sessions'],
  [['↑', '↓'], 'In the list of sessions: move between the search and the rows'],
  [['?'], 'Show this sheet, outside of text fields'],
];
