// The notices above the conversation. Their text is an alert; the countdown beside it is not, or it would be read out each second.

import { bannersOf } from '../core/banners.js';
import { minutes, seconds } from '../core/format-time.js';
import { arrange, eachSecond, element, find, setText } from './dom.js';

/**
 * @param {Record<string, () => void>} actions what a banner's button may do, by name
 * @param {() => void} onLeave runs when the banner that had the focus went away
 */
export function createBanners(chat, actions, onLeave) {
  const region = find('banners');
  const shown = new Map();

  const run = eachSecond(() => {
    let counting = false;
    for (const { data, countdown } of shown.values()) {
      if (data.until !== undefined) {
        setText(countdown, `Trying again in ${seconds(data.until - Date.now())}`);
        counting = true;
      } else if (data.leftMs !== undefined) setText(countdown, minutes(data.leftMs));
    }
    return counting;
  });

  chat.store.watch(['view', 'session', 'problem', 'waiting', 'online', 'endingMs', 'pending', 'notice', 'personas'], (state) => {
    const banners = bannersOf(state);
    for (const id of [...shown.keys()]) if (!banners.some((banner) => banner.id === id)) shown.delete(id);
    for (const data of banners) {
      const banner = shown.get(data.id) ?? make(data, actions);
      banner.data = data;
      setText(banner.text, data.text);
      if (banner.button) setText(banner.button, data.label);
      shown.set(data.id, banner);
    }
    const focused = region.contains(document.activeElement);
    arrange(region, banners.map(({ id }) => shown.get(id).node));
    if (focused && !region.contains(document.activeElement)) onLeave();
    run();
  });
}

function make(data, actions) {
  const text = element('p', { class: 'banner-text', role: 'alert', dir: 'auto' });
  const counts = data.until !== undefined || data.leftMs !== undefined;
  const countdown = counts ? element('span', { class: 'countdown', role: 'timer', 'aria-live': 'off' }) : null;
  const button = data.action
    ? element('button', { type: 'button', class: 'button small', dir: 'auto', on: { click: () => actions[data.action]() } })
    : null;
  const node = element('div', { class: 'banner', 'data-tone': data.tone, 'data-id': data.id }, text, countdown, button);
  return { node, text, countdown, button, data };
}
