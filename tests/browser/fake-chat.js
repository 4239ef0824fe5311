// Turns of fake-server.js: replies as server-sent events or as JSON, and every way in which they can fail.

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
 * - `lost`: a turn that is cut is not completed
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
 * Starts a turn, or replays one that has the same request id. Writes the response itself.
 *
 * @param {{append: (role: string, content: string) => object, reject: (status: number, reason: string, detail: string) => Error}} deps
 */
export function chat({ body, session, plans, request, response, append, reject }) {
  const turns = (session.turns ??= new Map());
  const known = turns.get(body.request_id);
  if (known?.running || session.busy) throw reject(409, 'TURN_IN_PROGRESS', 'a reply is being written in this session');
  const plan = known?.reply ? {} : plans.next(session.user_id);
  if (plan.reject) throw reject(plan.reject.status, plan.reject.reason, plan.reject.detail ?? 'rejected by the plan');
  const turn = known ?? { message: append('user', body.message), listeners: new Set() };
  if (body.request_id) turns.set(body.request_id, turn);

  const accepted = { message: turn.message, replayed: Boolean(known) };
  const streams = (request.headers.accept ?? '').includes('text/event-stream');
  const listener = streams ? eventStream(response) : jsonResponse(response, session);
  listener.send('accepted', accepted);
  if (turn.reply) {
    listener.send('delta', { text: turn.reply.content });
    listener.send('done', { message: turn.reply, finish_reason: 'stop' });
    return null;
  }
  turn.listeners = new Set([listener]);
  response.on('close', () => turn.listeners.delete(listener));
  session.busy = turn.running = true;
  void run(turn, plan, session, append).finally(() => (session.busy = turn.running = false));
  return null;
}

async function run(turn, plan, session, append) {
  const send = (type, data) => {
    for (const listener of turn.listeners) listener.send(type, data);
  };
  const text =
    plan.text ?? DEMO[Math.min(session.messages.filter(({ role }) => role === 'assistant').length, DEMO.length - 1)];
  const words = text.match(/\S+\s*|\s+/g) ?? [];
  for (let index = 0; index <= words.length; index += 1) {
    if (index === (plan.after ?? 0)) {
      await plan.gate;
      if (plan.cut) for (const listener of turn.listeners) listener.cut();
      if (plan.cut && plan.lost) return;
      if (plan.fails) {
        const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, reason: 'MODEL_UNAVAILABLE' };
        return send('error', {
          ...problem,
          detail: 'the model cannot be reached',
          retry_after_ms: 5000,
          request_id: 'fake',
          trace_id: 'fake',
        });
      }
    }
    if (index === words.length) break;
    send('delta', { text: words[index] });
    await new Promise((resolve) => setTimeout(resolve, plan.wordMs ?? WORD_MS));
  }
  turn.reply = append('assistant', text);
  session.busy = turn.running = false;
  send('done', { message: turn.reply, finish_reason: plan.finish ?? 'stop' });
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
