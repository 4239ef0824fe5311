// The page's own files, and their content as the gateway serves it.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const PUBLIC = fileURLToPath(new URL('../../../public/', import.meta.url));

/** Paths of all files below public/. */
export const files = readdirSync(PUBLIC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(PUBLIC, join(entry.parentPath ?? entry.path, entry.name)));

/** Paths of the page's own modules. */
export const modules = files.filter((name) => /^js\/.*\.js$/.test(name));

export const read = (name) => readFileSync(join(PUBLIC, name), 'utf8');

/** Returns a file as the gateway serves it: without comments, and the index with links to all modules. */
export function readServed(name) {
  if (name === 'index.html') {
    const links = [...preloadedModules()].map((module) => `    <link rel="modulepreload" href="${module}">\n`);
    return read(name).replace('  </head>', `${links.join('')}  </head>`);
  }
  return /^(js\/.*\.js|css\/.*\.css)$/.test(name) ? removeComments(read(name)) : read(name);
}

/** Removes the comments that fill their lines, and types within a line. Line breaks remain. */
export function removeComments(text) {
  return text
    .replace(/^[ \t]*\/\*(?:(?!\*\/)[\s\S])*\*\/$/gm, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/^[ \t]*\/\/.*$/gm, '')
    .replace(/\/\*\* @.*?\*\/ /g, '');
}

/** Returns the modules that a module imports statically. */
export const importsOf = (name) =>
  [...removeComments(read(name)).matchAll(/(?:from|import) '(\.[^']+)'/g)].map(([, path]) =>
    new URL(path, `file:///${name}`).pathname.slice(1),
  );

/** Returns the modules that the gateway links in the index: those that main.js imports, but for the index's own scripts. */
export function preloadedModules() {
  const found = new Set();
  const visit = (name) => {
    for (const imported of importsOf(name).filter((path) => !found.has(path))) {
      found.add(imported);
      visit(imported);
    }
  };
  visit('js/main.js');
  for (const [, script] of read('index.html').matchAll(/<script[^>]* src="([^"]+)"/g)) found.delete(script);
  return new Set([...found].sort());
}
