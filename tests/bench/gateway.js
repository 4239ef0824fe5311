// The path of a browser: REST through the gateway and through nono, against the same calls over gRPC.

import { grpc, message, redisCommand, rest } from './load.js';
import { freePort, ROOT, start, startGateway, startNono, startRedis, startService } from './programs.js';
import { interleave, median, ratio, spread } from './rounds.js';
import { appendHundred, post } from './sessions.js';

const ROUNDS = 30;
/** Duration of a load in seconds. Three that are compared take a second together, in which the speed of a machine seldom changes. */
const SECONDS = 0.25;
const BASELINE_ROUNDS = 5;
const SERVICE = 'nono.session.v1.SessionService';
const CALLS = ['Get', 'Create', 'History'];

/** @param {import('./report.js').Report} report */
export async function gateway(report) {
  const redis = await startRedis();
  const service = await startService(`redis://127.0.0.1:${redis.port}`);
  const separate = await startGateway(service.port);
  const nono = await startNono(`redis://127.0.0.1:${redis.port}`);
  const baseline = await startBaseline(service.port);
  await post(separate.port, '/api/session/create', { user_id: 'bench' });
  await appendHundred(separate.port, 'bench');
  const pids = { gateway: separate.pid, service: service.pid, Redis: redis.pid };

  const baselines = {
    'axum, a constant': { load: rest(baseline.port, '/constant'), pids: { gateway: baseline.pid } },
    'axum, Health/Check by a tonic client': { load: rest(baseline.port, '/health'), pids: { gateway: baseline.pid } },
    'Redis: HMGET': { load: redisCommand(redis.port, 'HMGET', 'session:{bench}', 'persona', 'created_at') },
  };
  const health = grpc(service.port, 'grpc.health.v1.Health/Check', message({}), SECONDS);
  const variants = { 'Health/Check over gRPC': { load: health } };
  const together = { nono: nono.pid, Redis: redis.pid };
  for (const call of CALLS) {
    variants[`${call} over gRPC`] = { load: overGrpc(call, service.port), seconds: SECONDS, pids };
    variants[`${call} through the gateway`] = { load: overRest(call, separate.port), seconds: SECONDS, pids };
    variants[`${call} through nono`] = { load: overRest(call, nono.port), seconds: SECONDS, pids: together };
  }
  const minimal = await interleave(baselines, BASELINE_ROUNDS, report.progress);
  const results = await interleave(variants, ROUNDS, report.progress);

  report.table(
    'REST and gRPC',
    ['variant', 'calls/s', 'µs gateway', 'µs service', 'µs nono', 'µs Redis'],
    Object.entries({ ...minimal, ...results }).map(([name, { rates, micros }]) => [
      name,
      median(rates).toFixed(0),
      ...['gateway', 'service', 'nono', 'Redis'].map((process) =>
        micros[process] ? median(micros[process]).toFixed(1) : '',
      ),
    ]),
  );
  for (const call of CALLS) {
    const direct = results[`${call} over gRPC`];
    report.check(`gateway.${call}`, ratio(results[`${call} through the gateway`], direct));
    report.check(`nono.${call}`, ratio(results[`${call} through nono`], direct));
  }
  const checks = results['Health/Check over gRPC'].rates;
  const gets = results['Get through the gateway'].micros;
  for (const program of ['gateway', 'service']) {
    report.check(`${program}.CPU`, spread(gets[program].map((used, round) => (used * checks[round]) / 1e6)));
  }
  for (const program of [redis, service, separate, nono, baseline]) await program.stop();
}

function overGrpc(call, port) {
  const requests = { Get: { 1: 'bench' }, Create: { 1: 'bench', 4: 2 }, History: { 1: 'bench', 2: 50 } };
  return grpc(port, `${SERVICE}/${call}`, message(requests[call]), SECONDS);
}

function overRest(call, port) {
  const options = { seconds: SECONDS };
  if (call === 'Create') {
    return rest(port, '/api/session/create', { user_id: 'bench', if_exists: 'return' }, options);
  }
  const path = call === 'Get' ? '/api/session/bench' : '/api/session/bench/history?limit=50';
  return rest(port, path, undefined, options);
}

async function startBaseline(servicePort) {
  const port = await freePort();
  const args = [`127.0.0.1:${port}`, `http://127.0.0.1:${servicePort}`];
  return start(`${ROOT}target/dist/examples/baseline`, args, port);
}
