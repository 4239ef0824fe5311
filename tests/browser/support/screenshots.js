// Screenshots in screenshots/, for review by people, and a conversation for them.

import { waitForStableLayout } from './stable-layout.js';

const FOLDER = new URL('../screenshots/', import.meta.url).pathname;
const WIDTHS = [1280, 1100, 768, 360];
/** Language of a browser other than that of the suite, for the names of files. */
const LOCALE = process.env.NONO_LOCALE ? `${process.env.NONO_LOCALE}-` : '';
const HEIGHT = 760;

export const TALK = [
  ['user', 'My laptop has been slow since yesterday. It takes minutes to open a browser tab.'],
  [
    'assistant',
    'That sounds frustrating. Two things to look at first:\n\n1. **Is a program busy in the background?** Open the task manager and sort by CPU.\n2. **Is the disk nearly full?** Anything under 10 % free slows everything down.\n\nWhat do you see?',
  ],
  ['user', 'Disk is fine. Something called “indexer” uses 90 %.'],
  [
    'assistant',
    'Good find. The indexer builds a catalogue of your files after a large change. This shows how far it is:\n\n```bash\n# one line per folder that is still waiting\nindexer status --pending | head -n 5\n```\n\n| folder | files left |\n|---|---:|\n| Documents | 1 204 |\n| Pictures | 18 977 |\n\nIt usually ends by itself [within an hour or two](https://example.org/indexer). If it is still busy tomorrow, we can rebuild the index with `indexer rebuild`.',
  ],
  ['user', 'There was an update yesterday! Thank you.'],
];

/** Takes screenshots of a state in all widths. */
export async function takeScreenshots(page, state, colorScheme, widths = WIDTHS) {
  for (const width of widths) {
    await page.setViewportSize({ width, height: HEIGHT });
    await waitForStableLayout(page);
    await page.screenshot({ path: `${FOLDER}${LOCALE}${state}-${colorScheme}-${width}.png` });
  }
  await page.setViewportSize({ width: WIDTHS[0], height: HEIGHT });
}
