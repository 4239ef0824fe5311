// The dialect of Markdown that models write: marked's lexer with the deviations from CommonMark and GFM that are listed here.
// @ts-check

import { getDefaults, Lexer, Tokenizer } from '../../vendor/marked/marked.js';

/*
 * Emphasis follows the CommonMark CJK-friendly Amendments (tats-u/markdown-cjk-friendly): Chinese, Japanese and Korean have no
 * spaces between words, so their punctuation next to `**` or `~~` must not keep the marks from working. Such punctuation counts as a
 * letter, and so does other punctuation between the marks and a CJK character.
 */
const CJK = String.raw`[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Bopo}\u3000-\u303f\u30a0-\u30ff\u31c0-\u33ff\ufe30-\ufe6f\uff01-\uffee]`;
const VARIATION = String.raw`[\ufe00-\ufe02\u{e0100}-\u{e01ef}]?`;
const MARKS = String.raw`(?:\*+|~~)`;
const PUNCTUATION = String.raw`(?![*_~\x60])[\p{P}\p{S}]`;
const CJK_PUNCTUATION = new RegExp(
  String.raw`(?<=${CJK}${VARIATION}${MARKS})${PUNCTUATION}|${PUNCTUATION}(?=${MARKS}${CJK})|(?=[\p{P}\p{S}])${CJK}`,
  'gu',
);
const LETTER = 'a';

/** A block of reasoning, which some models write before their reply. It ends with the text if its end tag has not come. */
const REASONING = /^ {0,3}<(think|thinking|reasoning)>([\s\S]*?)(?:<\/\1>\s*|$)/;
/** The end of reasoning whose start tag is part of the prompt and not of the reply. */
const REASONING_END = /^<\/think>[ \t]*$/m;

/** Mathematics in TeX, which is shown as it is written: its characters are not those of Markdown. */
const MATH_BLOCK = /^ {0,3}(?:\$\$(?!\$)[\s\S]+?\$\$|\\\[[\s\S]+?\\\])[ \t]*(?:\n+|$)/;
const MATH =
  /^(?:\$\$[^$]+\$\$|\\\([\s\S]+?\\\)|\\\[[\s\S]+?\\\]|\$(?![\s\d]*\s)[^$\n\x60]*[^$\s\\\x60]\$(?![\d\p{L}]))/u;
const MATH_IN_TEXT = new RegExp(MATH.source.slice(1), 'gu');

/** A block of Markdown that is shown as code. The fences of code in it have the same length, and are closed before it. */
const MARKDOWN_FENCE = /^( {0,3})(\x60{3,})[ \t]*(?:markdown|md)[ \t]*(?:\n|$)/i;

/** A single tilde means "about", so only two strike text through. */
class ModelTokenizer extends Tokenizer {
  /** @override */
  emStrong(/** @type {string} */ src, /** @type {string} */ masked, previous = '') {
    return super.emStrong(src, masked, isBeforeLetter(src, masked) ? '' : previous);
  }

  /** @override */
  del(/** @type {string} */ src, /** @type {string} */ masked, previous = '') {
    if (!src.startsWith('~~')) return undefined;
    return super.del(src, masked, isBeforeLetter(src, masked) ? '' : previous);
  }

  /** @override */
  fences(/** @type {string} */ src) {
    const [opening, indent, fence] = MARKDOWN_FENCE.exec(src) ?? [];
    if (!opening) return super.fences(src);
    const end = findClosingFence(src, opening.length, fence.length);
    const text = src.slice(opening.length, end.start).replace(/\n$/, '');
    const unindented = indent ? text.replace(new RegExp(`^ {1,${indent.length}}`, 'gm'), '') : text;
    return { type: 'code', raw: src.slice(0, end.end), lang: 'markdown', text: unindented };
  }
}

/** Returns true if the marks at the beginning of `src` stand before a letter in the text that is masked. */
function isBeforeLetter(/** @type {string} */ src, /** @type {string} */ masked) {
  const next = /^(?:\*+|~~)(.)/u.exec(masked.slice(masked.length - src.length))?.[1];
  return next !== undefined && !/[\s\p{P}\p{S}]/u.test(next);
}

/** Returns the bounds of the fence that closes a block of Markdown, which are the end of the text if there is none. */
function findClosingFence(/** @type {string} */ src, /** @type {number} */ from, /** @type {number} */ length) {
  const fences = new RegExp(String.raw`^ *(\x60{${length},})[ \t]*(.*?)[ \t]*(?:\n|$)`, 'gm');
  fences.lastIndex = from;
  let open = 0;
  for (let found = fences.exec(src); found; found = fences.exec(src)) {
    if (found[2] !== '') open += 1;
    else if (open > 0) open -= 1;
    else return { start: found.index, end: fences.lastIndex };
  }
  return { start: src.length, end: src.length };
}

/** @returns {Token} */
function readReasoning(/** @type {{lexer: any}} */ { lexer }, /** @type {string} */ src) {
  const found = lexer.state.top && REASONING.exec(src);
  if (!found) return undefined;
  const [raw, , content] = found;
  const text = content.replace(/^\s*\n|\s+$/g, '');
  return { type: 'reasoning', raw, tokens: lexer.blockTokens(text, []) };
}

const readMath = (/** @type {RegExp} */ pattern, /** @type {string} */ type) => (/** @type {string} */ src) => {
  const found = pattern.exec(src);
  return found ? { type, raw: found[0], text: found[0].trim() } : undefined;
};

const options = {
  ...getDefaults(),
  tokenizer: new ModelTokenizer(),
  hooks: {
    emStrongMask: (/** @type {string} */ masked) =>
      masked
        .replace(MATH_IN_TEXT, (math) => LETTER.repeat(math.length))
        .replace(CJK_PUNCTUATION, (mark) => LETTER.repeat(mark.length)),
  },
  extensions: {
    block: [
      /** @this {{lexer: any}} */
      function block(/** @type {string} */ src) {
        return readReasoning(this, src);
      },
      readMath(MATH_BLOCK, 'math_block'),
    ],
    inline: [readMath(MATH, 'math')],
    startInline: [(/** @type {string} */ src) => src.search(/[\\$]/)],
    childTokens: {},
    renderers: {},
  },
};

/** Splits Markdown into blocks of tokens. */
export const lex = (/** @type {string} */ text) => [...new Lexer(options).lex(text)];

/** Marks the beginning of reasoning that has an end only. */
export function markReasoning(/** @type {string} */ text) {
  const end = text.search(REASONING_END);
  return end < 0 || /<think>|\x60{3}|~{3}/.test(text.slice(0, end)) ? text : `<think>\n${text}`;
}
