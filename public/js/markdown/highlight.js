// Highlights code with highlight.js, which is loaded when it is first needed, and each language separately.
// @ts-check

/** Longer code is not highlighted, because that would block the page. */
const MAX_CODE_LENGTH = 50_000;

/** The languages in vendor/highlight/languages, with their aliases. */
const ALIASES = {
  bash: ['sh', 'zsh', 'shell', 'console', 'shellsession'],
  c: ['h'],
  cpp: ['c++', 'cc', 'hpp'],
  csharp: ['c#', 'cs'],
  css: [],
  diff: ['patch'],
  dockerfile: ['docker'],
  go: ['golang'],
  ini: ['toml', 'conf'],
  java: [],
  javascript: ['js', 'jsx', 'mjs', 'cjs', 'node'],
  json: ['json5', 'jsonc'],
  kotlin: ['kt'],
  php: [],
  powershell: ['ps1', 'pwsh'],
  python: ['py', 'python3'],
  ruby: ['rb'],
  rust: ['rs'],
  sql: ['postgresql', 'mysql', 'sqlite'],
  swift: [],
  typescript: ['ts', 'tsx'],
  xml: ['html', 'svg', 'xhtml'],
  yaml: ['yml'],
};
/** @type {Record<string, string[]>} languages that can contain others */
const EMBEDDED = { xml: ['css', 'javascript'], php: ['xml'] };

const LANGUAGES = new Map(
  Object.entries(ALIASES).flatMap(([language, aliases]) => [language, ...aliases].map((alias) => [alias, language])),
);

/** Returns the language that has this name or alias, or null. */
export const findLanguage = (/** @type {string} */ name) => LANGUAGES.get(name.toLowerCase()) ?? null;

/** @type {Promise<any> | null} */
let core = null;
/** @type {any} */
let highlighter = null;
/** @type {Map<string, Promise<void>>} */
const loading = new Map();

/** Loads a language and those that it can contain. After a failure, the next call tries again. */
export function loadLanguage(/** @type {string} */ language) {
  const known = loading.get(language);
  if (known) return known;
  const loaded = register(language);
  loading.set(language, loaded);
  loaded.catch(() => loading.delete(language));
  return loaded;
}

async function register(/** @type {string} */ language) {
  core ??= import('../../vendor/highlight/core.js');
  try {
    const [{ default: library }, { default: grammar }] = await Promise.all([
      core,
      import(`../../vendor/highlight/languages/${language}.js`),
      ...(EMBEDDED[language] ?? []).map(loadLanguage),
    ]);
    library.registerLanguage(language, grammar);
    highlighter = library;
  } catch (error) {
    core = null;
    throw error;
  }
}

/**
 * Returns `code` as highlighted trees, or null if it is too long or its language is not loaded.
 *
 * @returns {Tree[] | null}
 */
export function highlight(/** @type {string} */ code, /** @type {string} */ language) {
  if (code.length > MAX_CODE_LENGTH || !highlighter?.getLanguage(language)) return null;
  // This tree is not public. A unit test checks its shape, and a tree of another shape leaves the code plain.
  const root = highlighter.highlight(code, { language, ignoreIllegals: true })._emitter?.rootNode;
  return Array.isArray(root?.children) ? root.children.map(toTree) : null;
}

/** @returns {Tree} */
function toTree(/** @type {any} */ part) {
  if (typeof part === 'string') return part;
  const [scope] = (part.scope ?? '').split('.');
  /** @type {Record<string, string>} */
  const attributes = /^[a-z_-]+$/.test(scope) ? { class: `hl-${scope}` } : {};
  return { tag: 'span', attributes, children: part.children.map(toTree) };
}
