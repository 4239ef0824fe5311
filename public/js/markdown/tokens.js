// Splits a growing text into blocks of tokens with marked's lexer. Nothing of marked that creates HTML is used.
// @ts-check

import { lex, markReasoning } from './dialect.js';

/**
 * Creates a reader of a text that grows at its end. It returns the blocks of the text. A block that has not changed is the same
 * object as before, so that it need not be rendered again.
 */
export function createReader() {
  /** @type {Token[]} */
  let blocks = [];

  return function read(/** @type {string} */ given, /** @type {{complete: boolean}} */ { complete }) {
    const text = markReasoning(given.replace(/\r\n?/g, '\n'));
    // A link definition can follow its use, so a complete text is parsed as a whole.
    const kept = complete ? [] : blocks.slice(0, countStable(blocks));
    const keptText = kept.map(({ raw }) => raw).join('');
    if (!text.startsWith(keptText)) return read(given, { complete: true });
    const added = lex(text.slice(keptText.length)).map((block, index) => reuse(blocks[kept.length + index], block));
    blocks = [...kept, ...added];
    return blocks;
  };
}

/** Returns the number of leading blocks that more text cannot change: all but the last two, whose boundary may still move. */
function countStable(/** @type {Token[]} */ blocks) {
  let open = 2;
  let index = blocks.length;
  while (index > 0 && open > 0) {
    index -= 1;
    if (blocks[index].type !== 'space') open -= 1;
  }
  return index;
}

/** Returns the old block if it is equal. Equal text is not enough, because a link definition changes the meaning of brackets. */
const reuse = (/** @type {Token} */ old, /** @type {Token} */ block) =>
  old?.raw === block.raw && JSON.stringify(old) === JSON.stringify(block) ? old : block;
