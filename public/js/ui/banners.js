// The banners above the conversation. The text of a banner is an alert; its countdown is not, or each second would be read out.
// @ts-check

import { buildBanners, describeCountdown } from '../core/banners.js';
import { formatMinutes } from '../core/format-time.js';
import { element, everySecond, find, reconcile, setText } from './dom.js';

/**
 * @param {{chat: Chat, actions: Record<BannerAction, () => void>, onFocusLost: () => void}} deps `onFocusLost` is called when the
 *   banner that had the focus was removed
 */
export function createBanners({ chat, actions, onFocusLost }) {
  const region = find('banners');
  /** @type {Map<string, ReturnType<typeof createBanner>>} */
  const shown = new Map();

  const runCountdown = everySecond(() => {
    let isCounting = false;
    for (const { data, countdown } of shown.values()) {
      if (!countdown) continue;
      if (data.until !== undefined) {
        setText(countdown, describeCountdown(data.until, Date.now()));
        isCounting = true;
      } else if (data.leftMs !== undefined) setText(countdown, formatMinutes(data.leftMs));
    }
    return isCounting;
  });

  chat.store.watch(
    [
      'view',
      'config',
      'session',
      'problem',
      'wait',
      'signedOut',
      'ownerNotice',
      'online',
      'remainingMs',
      'unsent',
      'notice',
      'personas',
    ],
    (state) => {
      const banners = buildBanners(state);
      for (const id of [...shown.keys()]) if (!banners.some((banner) => banner.id === id)) shown.delete(id);
      const nodes = banners.map((data) => {
        const banner = shown.get(data.id) ?? createBanner(data, actions);
        banner.data = data;
        setText(banner.text, data.text);
        if (banner.button) setText(banner.button, data.label ?? '');
        shown.set(data.id, banner);
        return banner.node;
      });
      const hadFocus = region.contains(document.activeElement);
      reconcile(region, nodes);
      if (hadFocus && !region.contains(document.activeElement)) onFocusLost();
      runCountdown();
    },
  );
}

function createBanner(/** @type {Banner} */ data, /** @type {Record<BannerAction, () => void>} */ actions) {
  const { id, tone, action, isStatus } = data;
  const text = element('p', { class: 'banner-text', role: isStatus ? 'status' : 'alert', dir: 'auto' });
  const hasCountdown = data.until !== undefined || data.leftMs !== undefined;
  const countdown = hasCountdown ? element('span', { class: 'countdown', role: 'timer', 'aria-live': 'off' }) : null;
  const button = action
    ? element('button', { type: 'button', class: 'button small', dir: 'auto', on: { click: () => actions[action]() } })
    : null;
  const node = element('div', { class: 'banner', 'data-tone': tone, 'data-id': id }, text, countdown, button);
  return { node, text, countdown, button, data };
}
