// Words of the parts of a reply that Markdown makes: code, tables, reasoning, images.
// @ts-check

export const CODE = {
  plain: 'text',
  copy: (/** @type {string} */ language) => `Copy ${language} code`,
  label: (/** @type {string} */ language) => `Code in ${language}`,
};

export const TABLE = 'Table';

/** `growing` is shown while the reasoning is written. */
export const REASONING = { complete: 'Reasoning', growing: 'Reasoning…' };

/** An image is not loaded, but shown as its description. */
export const image = (/** @type {string} */ description) => `[image: ${description || 'no description'}]`;
