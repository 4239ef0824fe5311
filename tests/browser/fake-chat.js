// Turns of fake-server.js: replies as server-sent events or as JSON, and every way in which they can end.

import { emit } from './fake-events.js';

const DEMO = [
  'This is a built-in demo reply. To talk to a model, start nono with --model-url and --model.',
  'This is still the demo. I heard you, and everything here is stored with the session.',
];
/** Delay between two words, as in the demo replies of the program. */
const WORD_MS = 25;

/**
 * Creates the plans for the next turns of each session. A plan has these fields, all optional:
 *
 * - `text`: the reply
 * - `wordMs`: the delay between two words
 * - `after`: the number of words after which the turn waits for `gate` (a promise), the connection is `cut`, or the reply `fails`
 *   with MODEL_UNAVAILABLE
 * - `lost`: a turn that is cut is not completed, like one whose process dies
 * - `reject`: an error before the stream, `{status, reason, detail}`
 * - `finish`: the finish_reason
 */
export function createPlans() {
  const plans = new Map();
  return {
    plan: (userId, ...more) => plans.set(userId, [...(plans.get(userId) ?? []), ...more]),
    next: (userId) => plans.get(userId)?.shift() ?? {},
  };
}

/**
 * Starts a turn, attaches to the running one or replays one that has the same request id. Writes the response itself.
 *
 * @param {{append: (role: string, content: string, finish?: string) => object,
 *   reject: (status: number, reason: string, detail: string) => Error}} deps
 */
export function chat({ body, session, plans, request, response, append, reject }) {
  const turns = (session.turns ??= new Map());
  const known = turns.get(body.request_id);
  if (session.running && session.running !== known)
    throw reject(409, 'TURN_IN_PROGRESS', 'a reply is being written in this session');
  const plan = known?.reply || session.running ? {} : plans.next(session.user_id);
  if (plan.reject) throw reject(plan.reject.status, plan.reject.reason, plan.reject.detail ?? 'rejected by the plan');
  const turn = known ?? { requestId: body.request_id ?? '', message: append('user', body.message), text: '' };
  if (body.request_id) turns.set(body.request_id, turn);

  const streams = (request.headers.accept ?? '').includes('text/event-stream');
  const listener = streams ? eventStream(response) : jsonResponse(response, session);
  listener.send('accepted', { message: turn.message, replayed: Boolean(known) });
  if (turn.reply) {
    listener.send('delta', { text: turn.reply.content });
    listener.send('done', { message: turn.reply, finish_reason: turn.finish });
    return null;
  }
  if (turn === session.running) {
    if (turn.text) listener.send('delta', { text: turn.text });
    turn.listeners.add(listener);
  } else {
    turn.listeners = new Set([listener]);
    session.running = turn;
    void run(turn, plan, session, append);
  }
  response.on('close', () => turn.listeners.delete(listener));
  return null;
}

/** Stops the running turn, and returns the response. */
export async function cancel({ request_id: requestId }, { running }) {
  if (!running || (requestId && requestId !== running.requestId)) return { cancelled: false };
  running.cancel();
  await running.ended;
  return running.reply ? { cancelled: true, message: running.reply } : { cancelled: true };
}

async function run(turn, plan, session, append) {
  const seq = turn.message.seq + 1;
  const report = (state, more) => emit(session, 'turn', { state, seq, request_id: turn.requestId, ...more });
  const send = (type, data) => {
    for (const listener of turn.listeners) listener.send(type, data);
  };
  turn.text = '';
  let cancelled = false;
  let end;
  turn.ended = new Promise((resolve) => (end = resolve));
  const stopped = new Promise((resolve) => {
    turn.cancel = () => {
      cancelled = true;
      resolve();
    };
  });
  report('running');
  const outcome = await speak();
  session.running = undefined;
  if (outcome === 'lost') report('lost');
  else if (outcome === 'failed') {
    const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, reason: 'MODEL_UNAVAILABLE' };
    const more = { retry_after_ms: 5000, request_id: 'fake', trace_id: 'fake' };
    send('error', { ...problem, detail: 'the model cannot be reached', ...more });
    report('failed', { problem: { ...problem, detail: 'the model cannot be reached', ...more } });
  } else if (cancelled && turn.text === '') {
    const problem = { type: 'about:blank', title: 'Conflict', status: 409, reason: 'TURN_CANCELLED' };
    send('error', { ...problem, detail: 'the turn was cancelled', request_id: 'fake', trace_id: 'fake' });
    report('cancelled');
  } else {
    turn.finish = cancelled ? 'cancelled' : (plan.finish ?? 'stop');
    turn.reply = append('assistant', turn.text, turn.finish);
    send('done', { message: turn.reply, finish_reason: turn.finish });
    report(cancelled ? 'cancelled' : 'done');
  }
  end();

  /** Sends the words of the reply. Returns `lost` or `failed` if it breaks off. */
  async function speak() {
    const words = wordsOf(plan, session);
    for (let index = 0; index <= words.length && !cancelled; index += 1) {
      if (index === (plan.after ?? 0)) {
        await Promise.race([plan.gate, stopped]);
        if (cancelled) return;
        if (plan.cut) for (const listener of turn.listeners) listener.cut();
        if (plan.cut && plan.lost) return 'lost';
        if (plan.fails) return 'failed';
      }
      if (index === words.length) return;
      const offset = Buffer.byteLength(turn.text);
      turn.text += words[index];
      send('delta', { text: words[index] });
      emit(session, 'delta', { seq, offset, text: words[index] });
      await Promise.race([new Promise((resolve) => setTimeout(resolve, plan.wordMs ?? WORD_MS)), stopped]);
    }
  }
}

/** Returns the words of a reply, each with the space after it. */
function wordsOf(plan, session) {
  const replies = session.messages.filter(({ role }) => role === 'assistant').length;
  return (plan.text ?? DEMO[Math.min(replies, DEMO.length - 1)]).match(/\S+\s*|\s+/g) ?? [];
}

function eventStream(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': hello\n\n');
  return {
    send(type, data) {
      response.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
      if (type === 'done' || type === 'error') response.end();
    },
    cut: () => response.destroy(),
  };
}

function jsonResponse(response, session) {
  const end = (status, type, value) => response.writeHead(status, { 'content-type': type }).end(JSON.stringify(value));
  return {
    send(type, data) {
      if (type === 'error') end(data.status, 'application/problem+json', data);
      if (type !== 'done') return;
      const { message } = data;
      end(200, 'application/json', {
        response: message.content,
        session_id: session.session_id,
        timestamp: message.timestamp,
        message,
      });
    },
    cut: () => response.destroy(),
  };
}
