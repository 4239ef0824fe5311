// Follows the browser: the connection, the focus, the visibility, the address, and the end of the page.
// @ts-check

/**
 * @param {Pick<Window, 'addEventListener' | 'navigator'>} scope
 * @param {Pick<Document, 'addEventListener' | 'hidden'>} page
 * @param {PageEventsDeps} deps
 */
export function listenToPage(
  scope,
  page,
  { store, retrier, drafts, router, conversation, deletions, live, list, open, close, checkAccess },
) {
  store.set({ online: scope.navigator.onLine });
  scope.addEventListener('online', () => {
    store.set({ online: true });
    retrier.retryNow();
    // The open stream may be one that the loss of the connection has left without a sign.
    live.refresh();
  });
  scope.addEventListener('offline', () => {
    store.set({ online: false });
    retrier.onOffline();
  });
  scope.addEventListener('focus', () => {
    retrier.onReturn();
    // The event stream reports changes of the session itself, except that one that has ended was created again.
    if (store.state.live !== 'on') void conversation.catchUp();
    void conversation.reopen();
    live.retryNow();
    void checkAccess();
    list.refreshShown();
  });
  live.setVisible(!page.hidden);
  page.addEventListener('visibilitychange', () => {
    live.setVisible(!page.hidden);
    if (!page.hidden) retrier.onReturn();
  });
  scope.addEventListener('popstate', () => {
    const userId = router.currentUserId();
    const { view, session } = store.state;
    const shown = view === 'starting' ? null : (session?.userId ?? null);
    // A jump within the page, such as the skip link, is an entry of the browser's history too.
    if (userId === shown) return;
    if (userId === null) close();
    else void open(userId, { replace: true });
  });
  scope.addEventListener('pagehide', () => {
    drafts.keep();
    // A call without access deletes nothing, so the drafts must remain too.
    if (!store.state.signedOut) deletions.flush();
  });
}
