// Markdown tokens as a tree of plain objects, `{tag, attributes, children}` or text. What is not listed here becomes text; knows no document.

import { decode, safeAddress } from './links.js';

/** Headings in a message stand below the page's own h1 and the days' h2. */
const HEADING_OFFSET = 2;
/** Nesting beyond this is shown as it was written: nobody reads it, and every level costs the stack. */
const DEEPEST = 24;

/** The tree of one block. */
export const renderBlock = (token) => block(token, 0);

const node = (tag, attributes, ...children) => ({ tag, attributes, children: children.flat().filter((child) => child !== '') });
/** A node that stands as its first letter runs: a browser would not look into children that have a direction of their own. */
const placed = (tag, raw, attributes, ...children) => {
  const letter = /\p{L}/u.exec(raw)?.[0];
  return node(tag, letter ? { dir: RIGHT_TO_LEFT.test(letter) ? 'rtl' : 'ltr', ...attributes } : attributes, ...children);
};
const RIGHT_TO_LEFT = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;
/** A node whose text may run in either direction. */
const own = (tag, ...children) => node(tag, { dir: 'auto' }, ...children);

function block(token, depth) {
  if (depth > DEEPEST) return [token.raw];
  switch (token.type) {
    case 'space':
    case 'def':
      return [];
    case 'paragraph':
      return [own('p', inline(token.tokens, depth))];
    case 'heading':
      return [own(`h${Math.min(6, token.depth + HEADING_OFFSET)}`, inline(token.tokens, depth))];
    case 'code':
      return [{ tag: 'pre', language: (token.lang ?? '').trim().split(/\s/)[0], children: [token.text] }];
    case 'blockquote':
      return [placed('blockquote', token.raw, {}, blocks(token.tokens, depth))];
    case 'list':
      return [list(token, depth)];
    case 'table':
      return [table(token, depth)];
    case 'hr':
      return [node('hr', {})];
    case 'text':
      return token.tokens ? inline(token.tokens, depth) : [decode(token.text)];
    case 'html':
      return [node('p', { dir: 'auto', class: 'as-written' }, token.raw.trimEnd())];
    default:
      return inline([token], depth);
  }
}

const blocks = (tokens, depth) => tokens.flatMap((token) => block(token, depth + 1));

function list({ raw, ordered, start, loose, items }, depth) {
  const attributes = { ...(ordered && start !== 1 ? { start: String(start) } : {}), ...(loose ? { class: 'loose' } : {}) };
  const rows = items.map((item) => node('li', item.task ? { class: 'task' } : {}, blocks(item.tokens, depth)));
  return placed(ordered ? 'ol' : 'ul', raw, attributes, rows);
}

function table({ raw, header, rows }, depth) {
  const cell = (tag) => ({ tokens, align }) => node(tag, align ? { dir: 'auto', 'data-align': align } : { dir: 'auto' }, inline(tokens, depth));
  const head = node('thead', {}, node('tr', {}, header.map(cell('th'))));
  return placed('table', raw, {}, head, node('tbody', {}, rows.map((row) => node('tr', {}, row.map(cell('td'))))));
}

/** `linked` says that we are in a link already: links do not nest. */
function inline(tokens = [], depth, linked = false) {
  if (depth > DEEPEST) return tokens.map(({ raw }) => raw);
  return tokens.flatMap((token) => {
    const within = () => inline(token.tokens, depth + 1, linked);
    switch (token.type) {
      case 'strong':
      case 'em':
      case 'del':
        return [node(token.type, {}, within())];
      case 'codespan':
        return [node('code', { dir: 'ltr' }, token.text)];
      case 'br':
        return [node('br', {})];
      case 'link':
        return link(token.href, () => inline(token.tokens, depth + 1, true), linked);
      case 'image':
        return link(token.href, () => [`[image: ${decode(token.text) || 'no description'}]`], linked);
      case 'checkbox':
        return [token.checked ? '☑ ' : '☐ '];
      case 'escape':
        return [token.text];
      case 'text':
        return token.tokens ? within() : [decode(token.text)];
      case 'html':
        return /^<br\s*\/?>$/i.test(token.raw) ? [node('br', {})] : [token.raw];
      default:
        return [token.raw];
    }
  });
}

/** A link opens beside the page, tells the other side nothing of it, and shows where it leads. */
function link(href, children, linked) {
  const address = linked ? null : safeAddress(href);
  if (!address) return children();
  return [node('a', { href: address, title: address, target: '_blank', rel: 'noopener noreferrer nofollow' }, children())];
}
