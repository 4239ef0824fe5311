// Building and finding elements. The only way a node is made here is createElement and text: no HTML strings.

/** The element of index.html with this id, which must exist. */
export function find(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

/**
 * `element('button', { class: 'quiet', type: 'button', on: { click } }, 'Undo')`.
 * A property that is null or undefined is left out; `true` makes an attribute without a value.
 */
export function element(tag, { on = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  for (const [type, listener] of Object.entries(on)) made.addEventListener(type, listener);
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ''));
  return made;
}

/** The node of a tree of `{tag, attributes, children}` and text, as js/markdown makes them. `makers` makes some tags in its own way. */
export function build(tree, makers = {}) {
  if (typeof tree === 'string') return document.createTextNode(tree);
  const make = makers[tree.tag];
  if (make) return make(tree);
  return element(tree.tag, tree.attributes, ...tree.children.map((child) => build(child, makers)));
}

/** Sets text only where it differs, so that live regions and selections are left alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Makes `parent` hold exactly `nodes`, in this order, moving as few as possible. */
export function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

/** Calls `tick` each second while it answers true. Calling the result starts it; a second call while it runs changes nothing. */
export function eachSecond(tick) {
  let timer = null;
  return function run() {
    clearTimeout(timer);
    if (tick()) timer = setTimeout(run, 1000);
  };
}
