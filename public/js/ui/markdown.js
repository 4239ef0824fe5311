// Markdown as nodes, block by block, so that a growing reply redraws its end only. Loaded when a reply first needs it.

import { renderBlock } from '../markdown/render.js';
import { createReader } from '../markdown/tokens.js';
import { createCode } from './code.js';
import { build, element } from './dom.js';

/** What was drawn into a body: `{read, blocks}`, where each block is `{token, settled, nodes}`. */
const drawings = new WeakMap();

/** Draws `text` into `body`. `complete` says that no more of it will come. */
export function draw(body, text, complete) {
  const drawing = drawings.get(body) ?? begin(body);
  const drawn = new Map(drawing.blocks.map((block) => [block.token, block]));
  const tokens = drawing.read(text, { complete });
  drawing.blocks = tokens.map((token, index) => {
    // The last block of a growing text is still being written.
    const settled = complete || index < tokens.length - 1;
    const old = drawn.get(token);
    return old && (old.settled || !settled) ? old : { token, settled, nodes: renderBlock(token).map((tree) => build(tree, makersFor(settled))) };
  });
  place(body, drawing.blocks.flatMap(({ nodes }) => nodes));
}

function begin(body) {
  const drawing = { read: createReader(), blocks: [] };
  drawings.set(body, drawing);
  body.classList.add('prose');
  body.replaceChildren();
  return drawing;
}

/** Puts `nodes` in place of what differs from the first difference on: before it, selections and scrolled code stay as they are. */
function place(body, nodes) {
  let same = 0;
  while (same < nodes.length && body.childNodes[same] === nodes[same]) same += 1;
  while (body.childNodes.length > same) body.lastChild.remove();
  body.append(...nodes.slice(same));
}

/** What needs more than a node. A table that is too wide scrolls by itself, also by keyboard. */
const makersFor = (settled) => ({
  pre: ({ language, children }) => createCode(children[0], language, settled),
  table: (tree) => element('div', { class: 'table', role: 'group', 'aria-label': 'Table', tabindex: '0' }, build(tree)),
});
