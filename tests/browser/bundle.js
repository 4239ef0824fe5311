// Bundles the page into public/bundle: the index, one script with parts that load later, and minified style sheets. The gateway
// embeds it, and serves its files in place of the modules in public/.
//
// `npm run bundle` writes it; it is committed, so that building the gateway needs no Node. A unit test compares it with the source.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { rollup } from 'rollup';

export const PUBLIC = fileURLToPath(new URL('../../public/', import.meta.url));
export const BUNDLE = join(PUBLIC, 'bundle');

/** Scripts of the index. The first one runs before the first paint. */
const SCRIPTS = ['js/ui/first-paint.js', 'js/main.js'];
/** Style sheets of the index. */
const SHEETS = / *<link rel="stylesheet" href="(css\/[^"]+)">\n/g;
/** Folder of the bundled scripts, as deep as those whose relative paths to css/ and vendor/ they contain. */
const SCRIPT_FOLDER = 'js/app/';
const MINIFIED = { minify: true, target: 'es2022', legalComments: 'none' };

/** Returns the files of the bundle by path. */
export async function bundlePage() {
  const files = new Map();
  const scripts = await bundleScripts();
  for (const { fileName, code } of scripts) {
    files.set(fileName, (await transform(code, { ...MINIFIED, format: 'esm' })).code);
  }
  const index = readFileSync(join(PUBLIC, 'index.html'), 'utf8');
  const sheets = [...index.matchAll(SHEETS)].map(([link, path]) => ({ link, path }));
  files.set('css/page.css', (await Promise.all(sheets.map(minifySheet))).join(''));
  for (const path of readdirSync(join(PUBLIC, 'css')).map((name) => `css/${name}`)) {
    if (!sheets.some((sheet) => sheet.path === path)) files.set(path, await minifySheet({ path }));
  }
  files.set('index.html', bundledIndex(index, sheets, scripts));
  return files;
}

/** Rollup leaves what the main script has loaded anyway out of the parts that load later, so that these are few. */
async function bundleScripts() {
  const bundle = await rollup({
    input: SCRIPTS.map((script) => join(PUBLIC, script)),
    external: (path) => path.includes('/vendor/'),
    makeAbsoluteExternalsRelative: false,
  });
  const { output } = await bundle.generate({
    format: 'es',
    entryFileNames: `${SCRIPT_FOLDER}[name].js`,
    chunkFileNames: `${SCRIPT_FOLDER}[name].js`,
    minifyInternalExports: true,
  });
  await bundle.close();
  return output;
}

async function minifySheet({ path }) {
  return (await transform(readFileSync(join(PUBLIC, path), 'utf8'), { ...MINIFIED, loader: 'css' })).code;
}

/** Returns the index with the bundled files in place of their sources, with the parts that the scripts import, and not indented. */
function bundledIndex(index, sheets, scripts) {
  const [first, ...others] = sheets.map(({ link }) => link);
  let text = index.replace(first, '    <link rel="stylesheet" href="css/page.css">\n');
  for (const link of others) text = text.replace(link, '');
  for (const script of SCRIPTS) text = text.replace(`src="${script}"`, `src="${SCRIPT_FOLDER}${basename(script)}"`);
  const entries = scripts.filter(({ isEntry }) => isEntry);
  const parts = new Set(entries.flatMap(({ imports }) => imports));
  for (const { fileName } of entries) parts.delete(fileName);
  const links = [...parts].sort().map((part) => `    <link rel="modulepreload" href="${part}">\n`);
  return text.replace('  </head>', `${links.join('')}  </head>`).replace(/^ +/gm, '');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(BUNDLE, { recursive: true, force: true });
  for (const [path, text] of await bundlePage()) {
    mkdirSync(dirname(join(BUNDLE, path)), { recursive: true });
    writeFileSync(join(BUNDLE, path), text);
  }
}
