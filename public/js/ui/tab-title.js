// The title and the icon of the browser's tab. While the page is hidden, they tell that a reply has come.
// @ts-check

const ICON = 'icon.svg';
const ICON_UNREAD = 'icon-unread.svg';

/** @param {Chat} chat @returns {{set(text: string): void}} */
export function createTabTitle(chat) {
  const icon = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel=icon]'));
  let title = document.title;
  let unread = 0;
  let known = '';

  function update() {
    document.title = unread > 0 ? `(${unread}) ${title}` : title;
    const href = unread > 0 ? ICON_UNREAD : ICON;
    if (icon.getAttribute('href') !== href) icon.setAttribute('href', href);
  }

  chat.store.watch(['messages'], ({ session, view, messages }) => {
    const newest = messages.at(-1);
    const current = `${session?.sessionId} ${newest?.seq}`;
    const isReply = view === 'open' && newest?.role === 'assistant' && current !== known;
    // Of a conversation that was just opened, nothing is new.
    const isNew = isReply && known.startsWith(`${session?.sessionId} `);
    known = current;
    if (!isNew || !document.hidden) return;
    unread += 1;
    update();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    unread = 0;
    update();
  });

  return {
    set(text) {
      title = text;
      update();
    },
  };
}
