// Markdown as blocks of tokens, by marked's lexer, which is loaded when a text first needs it. Knows no nodes.

let loading = null;
let lexer = null;

/** Whether the lexer would find anything: most short replies are plain sentences, and need no library. */
export const needsMarkdown = (text) => /[*_`~#<>[\]|\\&]|https?:|^ {0,3}(?:[-+]|\d+[.)]) |^ {0,3}[-=]{2,}|\S\n/m.test(text);

/** The lexer, or null while it is not loaded. */
export const readyLexer = () => lexer;

/** Loads the lexer. A failure may be followed by another attempt. */
export function loadLexer() {
  loading ??= import('../../vendor/marked/marked.js').then(
    (library) => (lexer = library.lexer),
    (error) => {
      loading = null;
      throw error;
    },
  );
  return loading;
}

/**
 * Reads a text that grows at its end. Answers its blocks as marked's tokens; a block that did not change is the same object as
 * before, so it need not be drawn again.
 */
export function createReader(lex) {
  let blocks = [];

  return function read(given, { complete }) {
    const text = given.replace(/\r\n?/g, '\n');
    // A definition of a link may stand anywhere, so a complete text is read as a whole.
    const kept = complete ? [] : blocks.slice(0, settledOf(blocks));
    const keptText = kept.map(({ raw }) => raw).join('');
    if (!text.startsWith(keptText)) return read(given, { complete: true });
    const fresh = [...lex(text.slice(keptText.length))].map((block, index) => reuse(blocks[kept.length + index], block));
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
