// Renders Markdown tokens as trees of plain objects. Tokens that are not listed here are rendered as text.
// @ts-check

import { image } from '../core/words/markdown.js';
import { decodeReferences, safeUrl } from './links.js';

/** Headings in a message are below the page's h1 and the h2 of each day. */
const HEADING_OFFSET = 2;
/** Deeper nesting is rendered as it is written, which limits recursion. */
const MAX_DEPTH = 24;
const RIGHT_TO_LEFT =
  /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/** A flag in inline code. A longer one may have to be broken on a phone. */
const FLAG = /(\B--?\w[\w-]{0,23}(?![\w-]))/;
/** Letters that do not tell the direction of a text: those of tasks, code and addresses. */
const NOT_TEXT =
  /^[ >]*(?:[-*+]|\d+[.)])[ \t]+\[[xX]\]|(\x60{3,})[\s\S]*?(?:\1|$)|\x60[^\x60\n]+\x60|\]\([^)\s]*\)|https?:\S+/gm;

/** Renders one block. */
export const renderBlock = (/** @type {Token} */ token) => renderToken(token, 0);

/** @returns {TreeNode} */
const node = (
  /** @type {string} */ tag,
  /** @type {Attributes} */ attributes,
  /** @type {(Tree | Tree[])[]} */ ...children
) => ({
  tag,
  attributes,
  children: children.flat().filter((child) => child !== ''),
});

/** Creates a container in the direction of its first letter. `dir=auto` does not look into children that have a direction. */
function container(
  /** @type {string} */ tag,
  /** @type {string} */ raw,
  /** @type {Attributes} */ attributes,
  /** @type {Tree[]} */ children,
) {
  return node(tag, { ...directionOf(raw), ...attributes }, children);
}

/** Returns the direction of the first letter. A text without letters has that of its container. */
function directionOf(/** @type {string} */ raw) {
  const letter = /\p{L}/u.exec(raw.replace(NOT_TEXT, ''))?.[0];
  /** @type {Attributes} */
  const direction = letter ? { dir: RIGHT_TO_LEFT.test(letter) ? 'rtl' : 'ltr' } : {};
  return direction;
}

/** @returns {Tree[]} */
function renderToken(/** @type {Token} */ token, /** @type {number} */ depth) {
  if (depth > MAX_DEPTH) return [token.raw];
  switch (token.type) {
    case 'space':
    case 'def':
      return [];
    case 'paragraph':
      return [node('p', { dir: 'auto' }, renderInline(token.tokens, depth))];
    case 'heading':
      return [
        node(`h${Math.min(6, token.depth + HEADING_OFFSET)}`, { dir: 'auto' }, renderInline(token.tokens, depth)),
      ];
    case 'code':
      return [{ tag: 'pre', language: (token.lang ?? '').trim().split(/\s/)[0], children: [token.text] }];
    case 'blockquote':
      return [container('blockquote', token.raw, {}, renderBlocks(token.tokens, depth))];
    case 'list':
      return [renderList(token, depth)];
    case 'table':
      return [renderTable(token, depth)];
    case 'hr':
      return [node('hr', {})];
    case 'text':
      return token.tokens ? renderInline(token.tokens, depth) : [decodeReferences(token.text)];
    case 'html':
      return [node('p', { dir: 'auto', class: 'as-written' }, token.raw.trimEnd())];
    case 'math_block':
      return [node('p', { dir: 'ltr', class: 'as-written math' }, token.text)];
    case 'reasoning': {
      const content = renderBlocks(token.tokens, depth);
      return content.length > 0 ? [node('details', { class: 'reasoning' }, content)] : [];
    }
    default:
      return renderInline([token], depth);
  }
}

const renderBlocks = (/** @type {Token[]} */ tokens, /** @type {number} */ depth) =>
  tokens.flatMap((token) => renderToken(token, depth + 1));

function renderList(/** @type {Token} */ { raw, ordered, start, loose, items }, /** @type {number} */ depth) {
  const attributes = {
    ...(ordered && start !== 1 ? { start: String(start) } : {}),
    ...(loose ? { class: 'loose' } : {}),
  };
  const rows = items.map((/** @type {Token} */ item) =>
    node('li', item.task ? { class: 'task' } : {}, renderBlocks(item.tokens, depth)),
  );
  return container(ordered ? 'ol' : 'ul', raw, attributes, rows);
}

function renderTable(/** @type {Token} */ { raw, header, rows }, /** @type {number} */ depth) {
  const row = (/** @type {Token[]} */ cells, /** @type {string} */ tag) =>
    node(
      'tr',
      {},
      cells.map(({ text, tokens, align }) =>
        container(tag, text, align ? { 'data-align': align } : {}, renderInline(tokens, depth)),
      ),
    );
  const body = rows.map((/** @type {Token[]} */ cells) => row(cells, 'td'));
  return container('table', raw, {}, [node('thead', {}, row(header, 'th')), node('tbody', {}, body)]);
}

/**
 * @param {Token[]} tokens
 * @param {number} depth
 * @param {boolean} isInLink true inside a link, because links cannot be nested
 * @returns {Tree[]}
 */
function renderInline(tokens = [], depth, isInLink = false) {
  if (depth > MAX_DEPTH) return tokens.map(({ raw }) => raw);
  return tokens.flatMap((token) => {
    const children = () => renderInline(token.tokens, depth + 1, isInLink);
    switch (token.type) {
      case 'strong':
      case 'em':
      case 'del':
        return [node(token.type, {}, children())];
      case 'codespan':
        return [node('code', { dir: 'ltr' }, renderCode(token.text))];
      case 'br':
        return [node('br', {})];
      case 'link':
        return renderLink(token.href, () => renderInline(token.tokens, depth + 1, true), isInLink);
      case 'image':
        return renderLink(token.href, () => [image(decodeReferences(token.text))], isInLink);
      case 'checkbox':
        return [token.checked ? '☑ ' : '☐ '];
      case 'math':
        return [node('span', { dir: 'ltr', class: 'as-written math' }, token.text)];
      case 'escape':
        return [token.text];
      case 'text':
        return token.tokens ? children() : [decodeReferences(token.text)];
      case 'html':
        return /^<br\s*\/?>$/i.test(token.raw) ? [node('br', {})] : [token.raw];
      default:
        return [token.raw];
    }
  });
}

/** Keeps flags such as `--model-url` on one line, which browsers break after a hyphen. */
const renderCode = (/** @type {string} */ text) =>
  text.split(FLAG).map((part, index) => (index % 2 === 0 ? part : node('span', { class: 'flag' }, part)));

/** Renders a link that opens in a new tab, sends no referrer and shows its target in a tooltip. */
function renderLink(/** @type {string} */ href, /** @type {() => Tree[]} */ children, /** @type {boolean} */ isInLink) {
  const url = isInLink ? null : safeUrl(href);
  if (!url) return children();
  return [node('a', { href: url, title: url, target: '_blank', rel: 'noopener noreferrer nofollow' }, children())];
}
