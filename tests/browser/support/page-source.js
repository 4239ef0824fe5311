// The page's own files.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const PUBLIC = fileURLToPath(new URL('../../../public/', import.meta.url));

/** Paths of all files below public/, except the bundle, which is generated. */
export const files = readdirSync(PUBLIC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(PUBLIC, join(entry.parentPath ?? entry.path, entry.name)))
  .filter((name) => !name.startsWith('bundle/'));

/** Paths of the page's own modules. */
export const modules = files.filter((name) => /^js\/.*\.js$/.test(name));

export const read = (name) => readFileSync(join(PUBLIC, name), 'utf8');

/** Removes the comments that fill their lines, and types within a line. Line breaks remain. */
function removeComments(text) {
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
