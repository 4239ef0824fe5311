// Loads a style sheet that the first paint does not need.
// @ts-check

import { element } from './dom.js';

/** Resolves when the style sheet is loaded, or has failed: the content is readable without it. */
export function loadSheet(/** @type {string} */ name) {
  return new Promise((resolve) => {
    const done = () => resolve(undefined);
    const href = new URL(name, import.meta.url).href;
    document.head.append(element('link', { rel: 'stylesheet', href, on: { load: done, error: done } }));
  });
}
