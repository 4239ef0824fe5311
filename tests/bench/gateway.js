// The path of a browser: REST through the gateway and through nono, against the same calls over gRPC.

import { grpc, message, redisCommand, rest } from './load.js';
import { freePort, ROOT, start, startGateway, startNono, startRedis, startService } from './programs.js';
import { interleave, median, ratio, spread } from './rounds.js';
import { appendHundred, post } from './sessions.js';

const ROUNDS = 14;
/** Duration of a load that measures the speed of the machine. */
const CALIBRATION_SECONDS = 0.2;
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
  const health = (seconds) => grpc(service.port, 'grpc.health.v1.Health/Check', message({}), seconds);
  const variants = { 'Health/Check over gRPC': { load: health() } };
  for (const call of CALLS) {
    variants[`${call} over gRPC`] = { load: overGrpc(call, service.port), pids };
    variants[`${call} through the gateway`] = { load: overRest(call, separate.port), pids };
    variants[`${call} through nono`] = { load: overRest(call, nono.port), pids: { nono: nono.pid, Redis: redis.pid } };
  }
  const minimal = await interleave(baselines, BASELINE_ROUNDS, report.progress);
  const results = await interleave(variants, ROUNDS, report.progress, health(CALIBRATION_SECONDS));

  report.table(
    'REST and gRPC',
    ['variant', 'calls/s', 'µs gateway', 'µs service', 'µs nono', 'µs Redis', 'turns'],
    Object.entries({ ...minimal, ...results }).map(([name, { rates, micros }]) => [
      name,
      median(rates).toFixed(0),
      ...['gateway', 'service', 'nono', 'Redis'].map((process) =>
        micros[process] ? median(micros[process]).toFixed(1) : '',
      ),
      rates.length,
    ]),
  );
  for (const call of CALLS) {
    const direct = results[`${call} over gRPC`];
    report.check(`gateway.${call}`, ratio(results[`${call} through the gateway`], direct));
    report.check(`nono.${call}`, ratio(results[`${call} through nono`], direct));
  }
  const checks = results['Health/Check over gRPC'];
  const gets = results['Get through the gateway'];
  const perMicro = checks.hasEnough && gets.hasEnough ? median(checks.rates) / 1e6 : Number.NaN;
  for (const program of ['gateway', 'service']) {
    report.check(`${program}.CPU`, spread((gets.micros[program] ?? []).map((used) => used * perMicro)));
  }
  for (const program of [redis, service, separate, nono, baseline]) await program.stop();
}

function overGrpc(call, port) {
  const requests = { Get: { 1: 'bench' }, Create: { 1: 'bench', 4: 2 }, History: { 1: 'bench', 2: 50 } };
  return grpc(port, `${SERVICE}/${call}`, message(requests[call]));
}

function overRest(call, port) {
  if (call === 'Create') return rest(port, '/api/session/create', { user_id: 'bench', if_exists: 'return' });
  return rest(port, call === 'Get' ? '/api/session/bench' : '/api/session/bench/history?limit=50');
}

async function startBaseline(servicePort) {
  const port = await freePort();
  const args = [`127.0.0.1:${port}`, `http://127.0.0.1:${servicePort}`];
  return start(`${ROOT}target/dist/examples/baseline`, args, port);
}
