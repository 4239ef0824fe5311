// Renders Markdown block by block, so that a growing reply updates its end only. Loaded when a reply first needs it.
// @ts-check

import { REASONING, TABLE } from '../core/words/markdown.js';
import { renderBlock } from '../markdown/render.js';
import { createReader } from '../markdown/tokens.js';
import { createCode, updateCode } from './code.js';
import { element, setText } from './dom.js';
import { createGrower, keepSelection, setAttributes } from './grow.js';

/** Elements that need more than a tag. A wide table scrolls by itself and is focusable for that. */
const { grow, growChildren } = createGrower({
  pre: {
    create: createCode,
    update: (node, { language = '', children }, complete) => updateCode(node, String(children[0]), language, complete),
  },
  table: {
    create: () =>
      element('div', { class: 'table', role: 'group', 'aria-label': TABLE, tabindex: '0' }, element('table')),
    update(node, { attributes, children }, complete) {
      const table = /** @type {HTMLElement} */ (node.firstChild);
      setAttributes(table, attributes);
      growChildren(table, children, complete);
    },
  },
  details: {
    create: () => element('details', { class: 'reasoning' }, element('summary')),
    update(node, { children }, complete) {
      const summary = /** @type {HTMLElement} */ (node.firstChild);
      setText(summary, complete ? REASONING.complete : REASONING.growing);
      growChildren(node, children, complete, 1);
    },
  },
});

/** @typedef {{read: ReturnType<typeof createReader>, blocks: Block[]}} Rendering */
/** @type {WeakMap<Element, Rendering>} */
const renderings = new WeakMap();

/** Shows `text` in `body`. `complete` is false while more text is expected. */
export function renderMarkdown(
  /** @type {HTMLElement} */ body,
  /** @type {string} */ text,
  /** @type {boolean} */ complete,
) {
  const rendering = renderings.get(body);
  // The first rendering replaces the plain text, in which something may be selected.
  if (rendering) update(body, rendering, text, complete);
  else keepSelection(body, () => update(body, start(body), text, complete));
}

function update(
  /** @type {HTMLElement} */ body,
  /** @type {Rendering} */ rendering,
  /** @type {string} */ text,
  /** @type {boolean} */ complete,
) {
  const { blocks } = rendering;
  const known = new Map(blocks.map((block) => [block.token, block]));
  const tokens = rendering.read(text, { complete });
  const kept = new Set(tokens);
  rendering.blocks = tokens.map((token, index) => {
    const isComplete = complete || index < tokens.length - 1;
    const old = known.get(token);
    if (old && (old.complete || !isComplete)) return old;
    // A block that has grown keeps its nodes.
    const grown = old ?? (kept.has(blocks[index]?.token) ? null : blocks[index]);
    return { token, complete: isComplete, nodes: grow(grown?.nodes ?? [], renderBlock(token), isComplete) };
  });
  replaceEnd(
    body,
    rendering.blocks.flatMap(({ nodes }) => nodes),
  );
}

function start(/** @type {HTMLElement} */ body) {
  /** @type {Rendering} */
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
