// Replies as the conversation sees them: heard while they stream, found in the history where they were not, asked for again.

import { createLookout } from './reply-poller.js';
import { replyKey, sentKey } from './message-rows.js';
import { createTurns } from './pending-replies.js';

/** @param {{tell: (sessionId: string) => void}} deps `tell` says to other tabs that something was stored */
export function createReplies({ store, storage, timers, clock, patience, conversation, tell }) {
  const turns = createTurns({ storage, timers, clock, onChange: (userId) => store.state.session?.user_id === userId && show() });
  const lookout = createLookout({
    timers,
    look: () => conversation.catchUp(),
    onGivenUp: () => store.state.reply && turns.giveUp(store.state.reply),
  });

  function show() {
    store.set({ reply: turns.of(store.state.session) });
  }

  /** A reply that this page did not hear to its end has come with the history. */
  function settle({ reply, messages }) {
    if (!reply || reply.state === 'streaming') return;
    if (!messages.some(({ seq, role }) => seq > reply.seq && role === 'assistant')) return;
    turns.done(reply);
    if (store.state.waiting?.reason === 'TURN_IN_PROGRESS') patience.wake();
  }

  return {
    show,
    clear: turns.clear,

    start() {
      store.watch(['messages', 'reply'], settle);
      store.watch(['view', 'session', 'messages', 'reply'], (state) => lookout.follow(state, clock.now()));
    },

    /** Is the open session waiting for a reply that was asked for by another tab or an earlier visit? */
    find() {
      const { session, view, messages } = store.state;
      if (view === 'open') turns.restore(session, messages.at(-1));
    },

    /** What became of a message that was sent, possibly in a session that is no longer the open one. */
    follow(entry, { type, message, text, finish_reason: finish, problem }) {
      if (type === 'accepted') {
        conversation.accept(entry, message, sentKey(entry.request_id));
        turns.begin(entry, message);
      } else if (type === 'delta') turns.grow(entry, text);
      else if (type === 'done') {
        conversation.accept(entry, { ...message, finish }, replyKey(entry.request_id));
        turns.done(entry);
      } else if (problem.kind === 'gone') {
        turns.done(entry);
        conversation.end(entry.user_id, problem);
      } else if (type === 'cut') turns.cut(entry, problem);
      // Also that it failed: what another tab shows of it is no longer so.
      if (type !== 'delta') tell(entry.session_id);
    },

    /** Asks once more for the reply to the message with this id. False where none is missing. */
    again(requestId, outbox) {
      const { reply } = store.state;
      if (reply?.request_id !== requestId) return false;
      turns.wait(reply);
      return outbox.resume(reply, () => turns.of(reply)?.request_id === requestId);
    },

    /** Shows no more of the reply that is streaming. It is finished and stored all the same. */
    stop(outbox) {
      const { reply } = store.state;
      if (reply?.state !== 'streaming') return;
      turns.stop(reply);
      outbox.stop(reply.user_id);
    },
  };
}
