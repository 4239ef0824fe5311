// The text of a reply: plain at once, and drawn as Markdown when it has any and what draws it has been loaded.

import { element, setText } from './dom.js';

/** Everything that drawing takes, asked for together, so that no file waits until another has been read. */
const SHEETS = ['../../css/prose.css', '../../css/code.css'];
const PARTS = ['./markdown.js', './code.js', '../markdown/tokens.js', '../markdown/render.js', '../markdown/links.js', '../markdown/highlight.js'];

let draw = null;
let loading = null;
/** The newest text of bodies that wait, as `[text, complete]`. */
const waiting = new Map();

/** Whether drawing would change anything: most short replies are plain sentences. */
export const hasMarkdown = (text) => /[*_`~#<>[\]|\\&]|https?:|^ {0,3}(?:[-+]|\d+[.)]) |^ {0,3}[-=]{2,}|\n/m.test(text);

/** Shows `text` in `body`. `complete` says that no more of it will come. */
export function showProse(body, text, complete) {
  if (draw && (hasMarkdown(text) || body.classList.contains('prose'))) return draw(body, text, complete);
  setText(body, text);
  if (!hasMarkdown(text)) return;
  waiting.set(body, [text, complete]);
  loading ??= Promise.all([...PARTS.map((part) => import(part)), ...SHEETS.map(loadSheet)]).then(drawWaiting, giveUp);
}

/** Resolves when the sheet holds, also if that is never: unadorned is still readable. */
function loadSheet(name) {
  return new Promise((resolve) => {
    const done = () => resolve();
    document.head.append(element('link', { rel: 'stylesheet', href: new URL(name, import.meta.url).href, on: { load: done, error: done } }));
  });
}

function drawWaiting([markdown]) {
  draw = markdown.draw;
  for (const [body, [text, complete]] of waiting) draw(body, text, complete);
  waiting.clear();
}

/** It can be read all the same; the next reply asks again. */
function giveUp() {
  loading = null;
  waiting.clear();
}
