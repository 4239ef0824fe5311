// Code as coloured pieces, by highlight.js, which is loaded when code first comes, each language on its own. Knows no document.

/** Longer code is shown in one colour: colouring it would hold the page up. */
const LONGEST_CODE = 50_000;

/** Every language that is there to be loaded, with its other names. */
const NAMES = {
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
/** What stands inside another language. */
const WITHIN = { xml: ['css', 'javascript'], php: ['xml'] };

const BY_NAME = new Map(Object.entries(NAMES).flatMap(([name, others]) => [name, ...others].map((other) => [other, name])));

/** Our name for the language that a block of code says it is in, or null. */
export const languageOf = (said) => BY_NAME.get(said.toLowerCase()) ?? null;

let core = null;
let highlighter = null;
/** Language to the promise of its being there. */
const loading = new Map();

/** Loads a language and what it needs. A failure may be followed by another attempt. */
export function loadLanguage(language) {
  if (!loading.has(language)) {
    const loaded = register(language);
    loading.set(language, loaded);
    loaded.catch(() => loading.delete(language));
  }
  return loading.get(language);
}

async function register(language) {
  core ??= import('../../vendor/highlight/core.js');
  try {
    const [{ default: library }, { default: grammar }] = await Promise.all([
      core,
      import(`../../vendor/highlight/languages/${language}.js`),
      ...(WITHIN[language] ?? []).map(loadLanguage),
    ]);
    library.registerLanguage(language, grammar);
    highlighter = library;
  } catch (error) {
    core = null;
    throw error;
  }
}

/** The pieces of `code` as `{tag, attributes, children}` and text, or null where it cannot be coloured (yet). */
export function highlight(code, language) {
  if (code.length > LONGEST_CODE || !highlighter?.getLanguage(language)) return null;
  // The tree behind the HTML is not public; a test pins its shape, and anything else is shown as plain text.
  const root = highlighter.highlight(code, { language, ignoreIllegals: true })._emitter?.rootNode;
  return Array.isArray(root?.children) ? root.children.map(piece) : null;
}

function piece(part) {
  if (typeof part === 'string') return part;
  const [scope] = (part.scope ?? '').split('.');
  const attributes = /^[a-z_-]+$/.test(scope) ? { class: `hl-${scope}` } : {};
  return { tag: 'span', attributes, children: part.children.map(piece) };
}
