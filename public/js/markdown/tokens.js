// Markdown as blocks of tokens, by marked's lexer. Knows no nodes, and of marked nothing that makes HTML.

import { lexer } from '../../vendor/marked/marked.js';

/**
 * Reads a text that grows at its end. Answers its blocks as marked's tokens; a block that did not change is the same object as
 * before, so it need not be drawn again.
 */
export function createReader() {
  let blocks = [];

  return function read(given, { complete }) {
    const text = given.replace(/\r\n?/g, '\n');
    // A definition of a link may stand anywhere, so a complete text is read as a whole.
    const kept = complete ? [] : blocks.slice(0, settledOf(blocks));
    const keptText = kept.map(({ raw }) => raw).join('');
    if (!text.startsWith(keptText)) return read(given, { complete: true });
    const fresh = [...lexer(text.slice(keptText.length))].map((block, index) => reuse(blocks[kept.length + index], block));
    blocks = [...kept, ...fresh];
    return blocks;
  };
}

/** How many leading blocks more text cannot change: all before the last two, between which a list or a heading may still decide. */
function settledOf(blocks) {
  let open = 2;
  let index = blocks.length;
  while (index > 0 && open > 0) if (blocks[(index -= 1)].type !== 'space') open -= 1;
  return index;
}

/** Equal text may still mean something else: a definition further down has made links of its brackets. */
const reuse = (old, block) => (old?.raw === block.raw && JSON.stringify(old) === JSON.stringify(block) ? old : block);
