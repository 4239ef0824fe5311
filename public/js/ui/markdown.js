// Renders Markdown block by block, so that a growing reply updates its end only. Loaded when a reply first needs it.
// @ts-check

import { renderBlock } from '../markdown/render.js';
import { createReader } from '../markdown/tokens.js';
import { createCode } from './code.js';
import { element, renderTree } from './dom.js';

/** @type {WeakMap<Element, {read: ReturnType<typeof createReader>, blocks: Block[]}>} */
const renderings = new WeakMap();

/** Shows `text` in `body`. `complete` is false while more text is expected. */
export function renderMarkdown(
  /** @type {HTMLElement} */ body,
  /** @type {string} */ text,
  /** @type {boolean} */ complete,
) {
  const rendering = renderings.get(body) ?? start(body);
  const known = new Map(rendering.blocks.map((block) => [block.token, block]));
  const tokens = rendering.read(text, { complete });
  rendering.blocks = tokens.map((token, index) => {
    const isComplete = complete || index < tokens.length - 1;
    const old = known.get(token);
    if (old && (old.complete || !isComplete)) return old;
    const renderers = renderersFor(isComplete);
    return { token, complete: isComplete, nodes: renderBlock(token).map((tree) => renderTree(tree, renderers)) };
  });
  replaceEnd(
    body,
    rendering.blocks.flatMap(({ nodes }) => nodes),
  );
}

function start(/** @type {HTMLElement} */ body) {
  /** @type {{read: ReturnType<typeof createReader>, blocks: Block[]}} */
  const rendering = { read: createReader(), blocks: [] };
  renderings.set(body, rendering);
  body.classList.add('prose');
  body.replaceChildren();
  return rendering;
}

/** Replaces the nodes from the first difference on. Selections and scrolled code before it are preserved. */
function replaceEnd(/** @type {HTMLElement} */ body, /** @type {Node[]} */ nodes) {
  let same = 0;
  while (same < nodes.length && body.childNodes[same] === nodes[same]) same += 1;
  while (body.childNodes.length > same) body.lastChild?.remove();
  body.append(...nodes.slice(same));
}

/** Returns the renderers of tags that need more than an element. A wide table scrolls by itself and is focusable for that. */
const renderersFor = (/** @type {boolean} */ complete) => ({
  pre: (/** @type {TreeNode} */ { language = '', children }) => createCode(String(children[0]), language, complete),
  table: (/** @type {Tree} */ tree) =>
    element('div', { class: 'table', role: 'group', 'aria-label': 'Table', tabindex: '0' }, renderTree(tree)),
});
