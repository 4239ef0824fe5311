// Finds, creates and updates elements. The only way to create a node is createElement and text: there are no HTML strings.
// @ts-check

/** Returns the element of index.html with this id, which must exist. */
export function find(/** @type {string} */ id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

/** Returns a form control, a dialog or another element of a known type. */
export const findInput = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (find(id));
export const findButton = (/** @type {string} */ id) => /** @type {HTMLButtonElement} */ (find(id));
export const findDialog = (/** @type {string} */ id) => /** @type {HTMLDialogElement} */ (find(id));

/**
 * Creates an element: `element('button', { class: 'quiet', type: 'button', on: { click } }, 'Undo')`. An attribute that is null,
 * undefined or false is left out; `true` makes an attribute without a value.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, AttributeValue | Listeners> & {on?: Listeners}} [attributes]
 * @param {(Node | string | null | undefined)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, { on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [type, listener] of Object.entries(on)) node.addEventListener(type, listener);
  for (const child of children) if (child !== null && child !== undefined && child !== '') node.append(child);
  return node;
}

/** Returns the parts of a sentence, with others in place of names in braces: `fillIn('{name} was deleted.', { name: node })`. */
export const fillIn = (/** @type {string} */ sentence, /** @type {Record<string, Node | string>} */ others) =>
  sentence.split(/\{(\w+)\}/).map((part, index) => (index % 2 === 0 ? part : others[part]));

/** Sets the text of a node only if it differs, which preserves live regions and selections. */
export function setText(/** @type {Node} */ node, /** @type {string} */ text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Changes a text from the first difference on, which preserves a selection before it. */
export function growText(/** @type {Text} */ node, /** @type {string} */ text) {
  const { data } = node;
  if (data === text) return;
  if (text.startsWith(data)) return node.appendData(text.slice(data.length));
  let same = 0;
  while (same < text.length && data[same] === text[same]) same += 1;
  node.replaceData(same, data.length - same, text.slice(same));
}

/** Shows an error below a form field, or removes it if it is null. */
export function setFieldError(
  /** @type {HTMLElement} */ field,
  /** @type {string} */ errorId,
  /** @type {string | null} */ error,
) {
  setText(find(errorId), error ?? '');
  if (error) field.setAttribute('aria-invalid', 'true');
  else field.removeAttribute('aria-invalid');
}

/** Makes `nodes` the children of `parent`, in this order, and moves as few as possible. */
export function reconcile(/** @type {Element} */ parent, /** @type {Element[]} */ nodes) {
  const kept = new Set(nodes);
  for (const child of [...parent.children]) if (!kept.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

/** Returns a function that calls `tick` now and then each second while it returns true. */
export function everySecond(/** @type {() => boolean} */ tick) {
  let timer = 0;
  return function run() {
    clearTimeout(timer);
    if (tick()) timer = setTimeout(run, 1000);
  };
}
