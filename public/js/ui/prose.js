// The text of a reply: shown as plain text at once, and as Markdown once the renderer is loaded.
// @ts-check

import { growText, setText } from './dom.js';
import { loadSheet } from './style-sheet.js';

/** The style sheets of the renderer. */
const SHEETS = ['../../css/prose.css', '../../css/code.css'];

/** @type {((body: HTMLElement, text: string, complete: boolean) => void) | null} */
let render = null;
/** @type {Promise<void> | null} */
let loading = null;
/** @type {Map<HTMLElement, [string, boolean]>} bodies that wait for the renderer, to their newest text */
const waiting = new Map();

/** Returns true if a text looks different as Markdown. Most short replies are plain sentences. */
export const hasMarkdown = (/** @type {string} */ text) =>
  /[*_`~#<>[\]|\\&]|https?:|^ {0,3}(?:[-+]|\d+[.)]) |^ {0,3}[-=]{2,}|\n/m.test(text);

/** Shows `text` in `body`. `complete` is false while more text is expected. */
export function showProse(
  /** @type {HTMLElement} */ body,
  /** @type {string} */ text,
  /** @type {boolean} */ complete,
) {
  if (render && (hasMarkdown(text) || body.classList.contains('prose'))) return render(body, text, complete);
  showPlain(body, text);
  if (!hasMarkdown(text)) return;
  waiting.set(body, [text, complete]);
  loadRenderer();
}

/** Loads the renderer before a reply needs it. */
export function loadRenderer() {
  if (loading !== null) return;
  // The modules were just evaluated. Rendering is another task, so that input in between does not wait for both.
  loading = Promise.all([import('./markdown.js'), ...SHEETS.map(loadSheet)]).then(([markdown]) => {
    setTimeout(renderWaiting, 0, markdown);
  }, giveUp);
}

/** Shows a plain text, which may grow while something in it is selected. */
function showPlain(/** @type {HTMLElement} */ body, /** @type {string} */ text) {
  const { firstChild } = body;
  if (firstChild instanceof Text && !firstChild.nextSibling) growText(firstChild, text);
  else setText(body, text);
}

function renderWaiting(/** @type {any} */ { renderMarkdown }) {
  render = renderMarkdown;
  for (const [body, [text, complete]] of waiting) renderMarkdown(body, text, complete);
  waiting.clear();
}

/** Leaves the text plain. The next reply tries again. */
function giveUp() {
  loading = null;
  waiting.clear();
}
