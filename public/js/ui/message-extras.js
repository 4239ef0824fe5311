// What the first paint of a message does not need: its controls, and the style sheet for printing. Loaded with the first message.
// @ts-check

import { loadSheet } from './style-sheet.js';

/** Lines and characters up to which a message need not be measured. */
const SURELY_SHORT = { lines: 12, characters: 240 };

const SHEETS = ['../../css/message-actions.css', '../../css/print.css'];

/** @type {Promise<[typeof import('./message-actions.js'), typeof import('./fold.js'), ...unknown[]]> | null} */
let loading = null;

/** Runs `task` with the modules. If they cannot be loaded, the next message tries again. */
function withExtras(
  /** @type {(actions: typeof import('./message-actions.js'), fold: typeof import('./fold.js')) => void} */ task,
) {
  loading ??= Promise.all([import('./message-actions.js'), import('./fold.js'), ...SHEETS.map(loadSheet)]);
  loading.then(
    ([actions, fold]) => task(actions, fold),
    () => (loading = null),
  );
}

/** Fills `actions`, those of the message in `body`. `getText` returns the message as it was written. */
export const addActions = (
  /** @type {HTMLElement} */ actions,
  /** @type {HTMLElement} */ body,
  /** @type {() => string} */ getText,
) => withExtras(({ fillActions }) => fillActions(actions, body, getText));

/** Folds `body` if its text may be long, without waiting for the button, so that nothing moves when it comes. */
export function foldIfLong(/** @type {HTMLElement} */ body, /** @type {string} */ text) {
  if (text.length <= SURELY_SHORT.characters && text.split('\n').length <= SURELY_SHORT.lines) return;
  body.classList.add('folded');
  withExtras((_, { addFoldButton }) => addFoldButton(body));
}
