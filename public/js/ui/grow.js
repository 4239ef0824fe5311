// Changes rendered nodes into those of a newer tree: what has not changed remains, so that selections and scroll positions survive.
// @ts-check

import { growText } from './dom.js';

/**
 * Creates a function that returns the nodes of `trees`. It changes `nodes` where it can, and creates the others.
 *
 * @param {Record<string, SpecialElement>} specials elements that are not made of their attributes and children only, by tag
 */
export function createGrower(specials) {
  /** @type {WeakMap<Node, string>} elements of `specials` to their tags */
  const tags = new WeakMap();

  function create(/** @type {TreeNode} */ { tag }) {
    const node = specials[tag]?.create() ?? document.createElement(tag);
    tags.set(node, tag);
    return node;
  }

  /** @returns {Node} */
  function grow(/** @type {Node | undefined} */ old, /** @type {Tree} */ tree, /** @type {boolean} */ complete) {
    if (typeof tree === 'string') {
      if (!(old instanceof Text)) return document.createTextNode(tree);
      growText(old, tree);
      return old;
    }
    const node = /** @type {HTMLElement} */ (old && tags.get(old) === tree.tag ? old : create(tree));
    const special = specials[tree.tag];
    if (special) special.update(node, tree, complete);
    else {
      setAttributes(node, tree.attributes);
      growChildren(node, tree.children, complete);
    }
    return node;
  }

  /** Changes the children of `parent`, but for the first `offset` ones, into those of `trees`. */
  function growChildren(
    /** @type {Element} */ parent,
    /** @type {Tree[]} */ trees,
    /** @type {boolean} */ complete,
    offset = 0,
  ) {
    trees.forEach((tree, index) => {
      const old = parent.childNodes[offset + index];
      const node = grow(old, tree, complete);
      if (!old) parent.append(node);
      else if (node !== old) parent.replaceChild(node, old);
    });
    while (parent.childNodes.length > offset + trees.length) parent.lastChild?.remove();
  }

  return {
    growChildren,
    grow: (/** @type {Node[]} */ nodes, /** @type {Tree[]} */ trees, /** @type {boolean} */ complete) =>
      trees.map((tree, index) => grow(nodes[index], tree, complete)),
  };
}

/** Gives an element these attributes and no others. */
export function setAttributes(/** @type {HTMLElement} */ node, /** @type {Attributes} */ attributes = {}) {
  for (const name of node.getAttributeNames()) if (!(name in attributes)) node.removeAttribute(name);
  for (const [name, value] of Object.entries(attributes))
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Runs a change of the nodes in `root` that keeps their text, and restores the part of the selection that is in it. */
export function keepSelection(/** @type {Node} */ root, /** @type {() => void} */ change) {
  const selection = getSelection();
  const { anchorNode, focusNode, anchorOffset = 0, focusOffset = 0 } = selection ?? {};
  const anchor = offsetIn(root, anchorNode, anchorOffset);
  const focus = offsetIn(root, focusNode, focusOffset);
  change();
  if (!selection || !anchorNode || !focusNode || (anchor === null && focus === null)) return;
  const [from, fromOffset] = anchor === null ? [anchorNode, anchorOffset] : pointAt(root, anchor);
  const [to, toOffset] = focus === null ? [focusNode, focusOffset] : pointAt(root, focus);
  selection.setBaseAndExtent(from, fromOffset, to, toOffset);
}

/** Returns the number of characters of `root` before a point, or null if the point is outside. */
function offsetIn(/** @type {Node} */ root, /** @type {Node | null | undefined} */ node, /** @type {number} */ offset) {
  if (!node || !root.contains(node)) return null;
  const range = document.createRange();
  range.selectNodeContents(root);
  range.setEnd(node, offset);
  return range.toString().length;
}

/** @returns {[Node, number]} */
function pointAt(/** @type {Node} */ root, /** @type {number} */ offset) {
  const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  let left = offset;
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const { length } = /** @type {Text} */ (text);
    if (left <= length) return [text, left];
    left -= length;
  }
  return [root, root.childNodes.length];
}
