// Replies that this tab did not request, or whose chat stream it has lost: their text comes from the event stream.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../public/js/core/api-error.js';
import {
  AT,
  acceptedEvent,
  apiWithHistory,
  delta,
  doneEvent,
  ended,
  fakeStreams,
  open,
  running,
  snapshot,
  stored,
} from './fake-service.js';
import { settle } from './fakes.js';

/** Opens a session whose event streams the test controls. */
async function openWatched({ history = [], map, api } = {}) {
  const feed = fakeStreams();
  const page = open(
    { Ada: [] },
    { search: '?session=Ada', map, api: { ...apiWithHistory(history), watchSession: feed.watchSession, ...api } },
  );
  await page.chat.start();
  const turn = () => page.chat.store.state.turn;
  const shown = () => turn() && [turn().state, turn().text];
  return { ...page, feed, history, turn, shown };
}

/** The stored turn of an earlier visit. */
const STORED_TURN = {
  request_id: 'r1',
  user_id: 'Ada',
  session_id: 'session_Ada_1',
  content: 'hi',
  seq: 1,
  accepted_at: Date.parse(AT),
};
const afterReload = () => ({
  map: new Map([['nono:turn:r1', JSON.stringify(STORED_TURN)]]),
  history: [acceptedEvent('hi').message],
});
const keys = ({ chat }) => chat.store.state.messages.map(({ key }) => key);

test('after a reload, the reply goes on growing where it was', async () => {
  const page = await openWatched(afterReload());
  const { feed, shown, contents } = page;
  assert.deepEqual(shown(), ['waiting', '']);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'Hel' }));
  assert.deepEqual(shown(), ['streaming', 'Hel']);
  await feed.current.send(delta(3, 'lo'));
  assert.deepEqual(shown(), ['streaming', 'Hello']);
  await feed.current.send(stored(doneEvent('Hello'), 'stop'), ended('done'));
  assert.deepEqual(contents(), ['hi', 'Hello']);
  assert.equal(shown(), null);
  assert.deepEqual(keys(page), [undefined, 'reply:r1']);
  assert.deepEqual(
    [...page.map.keys()].filter((key) => key.startsWith('nono:turn:')),
    [],
  );
});

test('a turn that was requested elsewhere is shown with its message and its growing reply', async () => {
  const { feed, shown, contents } = await openWatched();
  await feed.current.send(snapshot(0), stored(acceptedEvent('hi')), running());
  assert.deepEqual([contents(), shown()], [['hi'], ['streaming', '']]);
  await feed.current.send(delta(0, 'Hel'), delta(3, 'lo'));
  assert.deepEqual(shown(), ['streaming', 'Hello']);
  await feed.current.send(stored(doneEvent('Hello'), 'length'), ended('done'));
  assert.deepEqual([contents(), shown()], [['hi', 'Hello'], null]);
});

test('the reply is shown once its message is loaded', async () => {
  const { feed, shown, history } = await openWatched();
  history.push(acceptedEvent('hi').message);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'Hel' }));
  assert.deepEqual(shown(), ['streaming', 'Hel']);
});

test('a delta that was received before a reconnection is not shown twice', async () => {
  const { feed, shown, timers } = await openWatched(afterReload());
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'Hel' }), delta(3, 'lo '));
  await feed.current.fail();
  assert.deepEqual(shown(), ['streaming', 'Hello ']);
  await timers.advance(1_000);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 3, text: 'lo wor' }), delta(6, 'world'));
  assert.deepEqual(shown(), ['streaming', 'Hello world']);
});

test('offsets within characters of several bytes fit', async () => {
  const { feed, shown, timers } = await openWatched(afterReload());
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'ü€' }), delta(5, '😀'));
  await feed.current.fail();
  await timers.advance(1_000);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 9, text: '' }), delta(9, 'é!'));
  assert.deepEqual(shown(), ['streaming', 'ü€😀é!']);
});

test('a missing first chunk leads to a stream from the beginning', async () => {
  const { feed, shown, timers } = await openWatched(afterReload());
  await feed.current.send(snapshot(1), running(), delta(3, 'lo'));
  assert.deepEqual(shown(), ['streaming', '']);
  await timers.advance(1_000);
  assert.deepEqual(
    feed.streams.map(({ cursor }) => cursor),
    [null, null],
  );
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'Hello' }));
  assert.deepEqual(shown(), ['streaming', 'Hello']);
});

test('a snapshot that goes on after text that is not known leads to a stream from the beginning', async () => {
  const { feed, timers, shown } = await openWatched(afterReload());
  await feed.current.send(snapshot(1));
  await feed.current.fail();
  await timers.advance(1_000);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 4, text: 'o' }));
  await timers.advance(2_000);
  assert.equal(feed.streams.length, 3);
  assert.equal(feed.current.cursor, null);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'Hello' }));
  assert.deepEqual(shown(), ['streaming', 'Hello']);
});

test('a turn whose start was missed is shown from a new stream', async () => {
  const { feed, timers, shown } = await openWatched(afterReload());
  await feed.current.send(snapshot(1), delta(3, 'lo'));
  await timers.advance(1_000);
  assert.deepEqual(
    feed.streams.map(({ cursor }) => cursor),
    [null, null],
  );
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'Hello' }));
  assert.deepEqual(shown(), ['streaming', 'Hello']);
});

test('a turn whose end was missed ends with the next snapshot', async () => {
  const { feed, timers, shown, history, contents } = await openWatched(afterReload());
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'Hel' }));
  await feed.current.fail();
  history.push(doneEvent('Hello').message);
  await timers.advance(1_000);
  await feed.current.send(snapshot(2), stored(doneEvent('Hello'), 'stop'));
  assert.deepEqual([contents(), shown()], [['hi', 'Hello'], null]);
});

test('the next turn is not taken for the one whose end was missed', async () => {
  const { feed, shown, contents } = await openWatched(afterReload());
  await feed.current.send(
    snapshot(1, { seq: 2, requestId: 'r1', offset: 0, text: 'Hel' }),
    stored(doneEvent('Hello'), 'stop'),
    stored(acceptedEvent('and?', 3)),
    running(4, 'r2'),
    delta(0, 'Right', 4),
    ended('failed', { problem: new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE' }) }),
    delta(3, 'late'),
    delta(5, ' on', 4),
  );
  assert.deepEqual(
    [contents(), shown()],
    [
      ['hi', 'Hello', 'and?'],
      ['streaming', 'Right on'],
    ],
  );
});

test('after a reload, a turn that is not running any more can be requested again', async () => {
  const ids = [];
  const send = async function* ({ requestId, content }) {
    ids.push(requestId, content);
    yield acceptedEvent('hi');
    yield doneEvent('Hello');
  };
  const { chat, feed, shown, contents } = await openWatched({ ...afterReload(), api: { chat: send } });
  await feed.current.send(snapshot(1));
  assert.deepEqual(shown(), ['cut', '']);
  await chat.retry('r1');
  assert.deepEqual(ids, ['r1', 'hi']);
  assert.deepEqual(contents(), ['hi', 'Hello']);
});

for (const [state, problem, expected] of [
  ['failed', new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE' }), 'failed'],
  ['lost', null, 'cut'],
]) {
  test(`a turn that is ${state} elsewhere keeps its text, is stored if it has an error, and can be requested`, async () => {
    const { feed, turn, map } = await openWatched();
    await feed.current.send(snapshot(0), stored(acceptedEvent('hi')), running(), delta(0, 'Hel'));
    await feed.current.send(ended(state, { problem }));
    assert.deepEqual([turn().state, turn().text, turn().problem], [expected, 'Hel', problem]);
    assert.deepEqual([turn().requestId, turn().content, turn().isAnonymous], ['r1', 'hi', false]);
    assert.equal(map.has('nono:turn:r1'), problem !== null);
  });
}

test('the turn of a session is not shown in another one', async () => {
  const { feed, chat, shown, turn } = await openWatched(afterReload());
  await feed.current.send(snapshot(3, { seq: 2, requestId: 'r1', offset: 0, text: 'Hel' }));
  await chat.openSession('Grace');
  assert.equal(turn(), null);
  await feed.current.send(snapshot(1, null, { session: { userId: 'Grace', sessionId: 'session_Grace_1' } }));
  assert.equal(turn(), null);
  await chat.openSession('Ada');
  assert.deepEqual(shown(), ['streaming', 'Hel']);
});

test('a snapshot of a stream that has broken says nothing about the turn any more', async () => {
  const { feed, shown, history, notifyFromOtherTab } = await openWatched(afterReload());
  await feed.current.send(snapshot(2));
  await feed.current.fail();
  history.push(acceptedEvent('appended', 2).message);
  notifyFromOtherTab('session_Ada_1');
  await settle();
  assert.deepEqual(shown(), ['waiting', '']);
});

test('a turn without a request id is shown, but cannot be requested again', async () => {
  const { feed, turn, contents } = await openWatched();
  await feed.current.send(snapshot(0), stored(acceptedEvent('hi')), running(2, ''), delta(0, 'Hel'));
  assert.deepEqual([turn().state, turn().text, turn().isAnonymous], ['streaming', 'Hel', true]);
  await feed.current.send(stored(doneEvent('Hello'), 'stop'), ended('done', { requestId: '' }));
  await feed.current.send(stored(acceptedEvent('and?', 3)), running(4, ''), delta(0, 'R', 4));
  assert.deepEqual([turn().state, turn().text], ['streaming', 'R']);
  assert.deepEqual(contents(), ['hi', 'Hello', 'and?']);
});

/** Opens a session and sends a message. The chat stream yields `accepted`, and then the items that the test adds. */
async function openSending() {
  const history = [];
  const steps = [];
  let wake = () => {};
  const send = async function* (_, signal) {
    signal.addEventListener('abort', () => add(signal.reason));
    for (;;) {
      while (steps.length === 0) await new Promise((resolve) => (wake = resolve));
      const next = steps.shift();
      if (next instanceof Error) throw next;
      yield next;
      if (next.type === 'done') return;
    }
  };
  const add = (...items) => {
    steps.push(...items);
    wake();
    return settle();
  };
  const page = await openWatched({ history, api: { chat: send } });
  await page.feed.current.send(snapshot(0));
  void page.chat.send('hi');
  await settle();
  return { ...page, add };
}

test('the tab that asked reads its chat stream, and ignores the event stream', async () => {
  const page = await openSending();
  const { feed, add, shown, timers, contents } = page;
  await feed.current.send(stored(acceptedEvent('hi')), running(2, 'id-1'), delta(0, 'Hello'));
  assert.deepEqual([contents(), shown()], [['hi'], null]);
  assert.deepEqual(keys(page), ['sent:id-1']);
  await add(acceptedEvent('hi'), { type: 'delta', text: 'He' });
  await timers.advance(16);
  await feed.current.send(delta(5, ' there'));
  assert.deepEqual(shown(), ['streaming', 'He']);
  await feed.current.send(stored(doneEvent('Hello there'), 'stop'), ended('done', { requestId: 'id-1' }));
  assert.deepEqual(keys(page), ['sent:id-1', 'reply:id-1']);
  await add(doneEvent('Hello there'));
  assert.deepEqual([contents(), shown()], [['hi', 'Hello there'], null]);
  assert.deepEqual(keys(page), ['sent:id-1', 'reply:id-1']);
});

test('a message with the same text from elsewhere does not keep the row of an own one', async () => {
  const page = await openSending();
  await page.feed.current.send(stored(acceptedEvent('hi')), running(2, 'other'));
  assert.deepEqual(keys(page), ['sent:id-1']);
  await page.feed.current.send(stored(doneEvent('Hello'), 'stop'), ended('done', { requestId: 'other' }));
  await page.add(acceptedEvent('hi', 3));
  assert.deepEqual(page.contents(), ['hi', 'Hello', 'hi']);
  assert.equal(new Set(keys(page)).size, 3);
});

test('a chat stream that breaks off is followed by the event stream, without an error and without text that repeats', async () => {
  const { feed, add, shown, timers, contents } = await openSending();
  const states = [];
  await add(acceptedEvent('hi'), { type: 'delta', text: 'Hello wo' });
  await timers.advance(16);
  await feed.current.send(stored(acceptedEvent('hi')), running(2, 'id-1'), delta(0, 'Hello'));
  await add(new ApiError({ status: 0 }));
  states.push(shown());
  assert.equal(feed.streams.length, 2);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'id-1', offset: 5, text: ' w' }));
  states.push(shown());
  await feed.current.send(delta(7, 'orld'));
  states.push(shown());
  await feed.current.send(stored(doneEvent('Hello world'), 'stop'), ended('done', { requestId: 'id-1' }));
  assert.deepEqual(states, [
    ['streaming', 'Hello wo'],
    ['streaming', 'Hello wo'],
    ['streaming', 'Hello world'],
  ]);
  assert.deepEqual([contents(), shown()], [['hi', 'Hello world'], null]);
});

test('a gateway that stops during a reply does not end it', async () => {
  const { feed, add, shown } = await openSending();
  await add(acceptedEvent('hi'), new ApiError({ status: 503, reason: 'SERVICE_UNAVAILABLE' }));
  assert.deepEqual(shown(), ['waiting', '']);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'id-1', offset: 0, text: 'Hel' }));
  assert.deepEqual(shown(), ['streaming', 'Hel']);
});

test('a chat stream that breaks off in a turn that is not running any more is an error', async () => {
  const { feed, add, turn } = await openSending();
  await add(acceptedEvent('hi'), { type: 'delta', text: 'Hel' }, new ApiError({ status: 0 }));
  await feed.current.send(snapshot(1));
  assert.deepEqual([turn().state, turn().text, turn().problem], ['cut', 'Hel', null]);
});

test('a turn that ended with an error of the store keeps the error', async () => {
  const { feed, add, turn } = await openSending();
  await add(acceptedEvent('hi'), new ApiError({ status: 503, reason: 'STORE_UNAVAILABLE' }));
  await feed.current.send(snapshot(1));
  assert.deepEqual([turn().state, turn().problem.reason], ['failed', 'STORE_UNAVAILABLE']);
});

test('a chat stream that breaks off while the event stream cannot be read is an error, until the latter is back', async () => {
  const { feed, add, turn, shown, timers } = await openSending();
  await add(acceptedEvent('hi'), { type: 'delta', text: 'Hel' }, new ApiError({ status: 0 }));
  for (const delayMs of [1_000, 2_000, 4_000]) {
    await feed.current.fail();
    assert.deepEqual(shown(), ['waiting', 'Hel']);
    await timers.advance(delayMs);
  }
  await feed.current.fail();
  assert.deepEqual([turn().state, turn().text, turn().problem.kind], ['cut', 'Hel', 'unreachable']);
  await timers.advance(8_000);
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'id-1', offset: 0, text: 'Hello' }));
  assert.deepEqual(shown(), ['streaming', 'Hello']);
});

test('a reply whose event stream breaks goes on after one failed attempt as if nothing had happened', async () => {
  const { feed, shown, timers } = await openWatched(afterReload());
  const states = [];
  const turn = { seq: 2, requestId: 'r1', offset: 0, text: 'Hel' };
  await feed.current.send(snapshot(1, turn));
  await timers.advance(10_000);
  for (const delayMs of [1_000, 2_000]) {
    await feed.current.fail();
    states.push(shown()[0]);
    await timers.advance(delayMs);
  }
  await feed.current.send(snapshot(1, { ...turn, offset: 3, text: 'lo' }));
  assert.deepEqual([...states, ...shown()], ['streaming', 'waiting', 'streaming', 'Hello']);
});

test('an error of the model in the chat stream is final, although events before it are late', async () => {
  const { feed, add, turn } = await openSending();
  const problem = new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE', detail: 'the model cannot be reached' });
  await add(acceptedEvent('hi'), problem);
  const states = [turn().state];
  await feed.current.send(stored(acceptedEvent('hi')), running(2, 'id-1'), delta(0, 'Hel'));
  states.push(turn().state);
  await feed.current.send(ended('failed', { requestId: 'id-1', problem }));
  states.push(turn().state);
  await feed.current.send(running(2, 'id-1'), delta(0, 'Good'));
  states.push(turn().state);
  assert.deepEqual(states, ['failed', 'failed', 'failed', 'streaming']);
  assert.equal(turn().text, 'Good');
});

test('a turn whose end the event stream has reported first is shown when another tab requests it again', async () => {
  const { feed, add, shown } = await openSending();
  const problem = new ApiError({ status: 503, reason: 'MODEL_UNAVAILABLE' });
  await add(acceptedEvent('hi'));
  await feed.current.send(stored(acceptedEvent('hi')), running(2, 'id-1'));
  await feed.current.send(ended('failed', { requestId: 'id-1', problem }));
  await add(problem);
  assert.deepEqual(shown(), ['failed', '']);
  await feed.current.send(running(2, 'id-1'), delta(0, 'Good'));
  assert.deepEqual(shown(), ['streaming', 'Good']);
});

test('a reply goes on in the background, and with the event stream after its chat stream was lost there', async () => {
  const { feed, add, chat, shown, history } = await openSending();
  await add(acceptedEvent('hi'));
  history.push(acceptedEvent('hi').message);
  await chat.openSession('Grace');
  await add(new ApiError({ status: 0 }));
  await chat.openSession('Ada');
  await feed.current.send(snapshot(1, { seq: 2, requestId: 'id-1', offset: 0, text: 'Hello' }));
  assert.deepEqual(shown(), ['streaming', 'Hello']);
});
