// Measures the welcome page and a conversation with code with Lighthouse, as a phone on a slow network.
// Not part of the suite, because it downloads Lighthouse and its performance score depends on the load of the machine.

import { spawn } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launchOptions } from './playwright.config.js';
import { startProgram } from './support/program.js';

const LIGHTHOUSE = 'lighthouse@13.5.0';
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const MIN_SCORES = { accessibility: 100, performance: 95, 'best-practices': 95 };

const TALK = [
  ['user', 'How do I count the words of a text?'],
  ['assistant', 'Like **this**:\n\n```js\nconst words = text.split(/\\s+/).length;\n```\n\n- one\n- two'],
];

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, CHROME_PATH: process.env.CHROME_PATH ?? launchOptions.executablePath },
    });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))));
  });
}

async function score(url, name) {
  const file = `${RESULTS}lighthouse-${name}.json`;
  const flags = `--chrome-flags=--headless ${launchOptions.args.join(' ')}`;
  await run('npx', [
    '--yes',
    LIGHTHOUSE,
    url,
    '--quiet',
    // Applied to the connection, not computed from a fast one.
    '--throttling-method=devtools',
    '--output=json',
    `--output-path=${file}`,
    `--only-categories=${Object.keys(MIN_SCORES)}`,
    flags,
  ]);
  const { categories, audits } = JSON.parse(await readFile(file, 'utf8'));
  const scores = Object.fromEntries(
    Object.keys(MIN_SCORES).map((category) => [category, Math.round(categories[category].score * 100)]),
  );
  const times = Object.fromEntries(
    ['first-contentful-paint', 'largest-contentful-paint', 'total-blocking-time', 'cumulative-layout-shift'].map(
      (id) => [id, audits[id].displayValue],
    ),
  );
  console.log(name, scores, times);
  for (const { id, title, score: got, scoreDisplayMode: mode } of Object.values(audits))
    if (mode === 'binary' && got < 1) console.log(`  ${id}: ${title}`);
  return Object.entries(MIN_SCORES).filter(([category, minimum]) => scores[category] < minimum);
}

async function post(url, body) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} returned ${response.status}`);
}

await mkdir(RESULTS, { recursive: true });
const program = await startProgram();
try {
  await post(`${program.url}/api/session/create`, { user_id: 'Ada' });
  await post(`${program.url}/api/session/Ada/messages`, {
    messages: TALK.map(([role, content]) => ({ role, content })),
  });
  const low = [
    ...(await score(program.url, 'welcome')),
    ...(await score(`${program.url}/?session=Ada`, 'conversation')),
  ];
  if (low.length > 0) process.exitCode = 1;
} finally {
  await program.stop();
}
