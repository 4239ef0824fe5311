// Targets of the benchmark. Each is a ratio within one run, a count or a size, so that it holds on other machines.
//
// `recorded` is the worst figure seen of a target that is out of reach, or that not every run reaches, with the record of its floor. A run
// fails if it misses a target without a record, or if it is worse than a record.

const BROWSER = 'decisions/0018-floor-of-rest.md';
const PERFORMANCE = 'performance.md';

/** @type {Record<string, { what: string, least?: number, most?: number, unit?: string, recorded?: { value: number, where: string } }>} */
export const TARGETS = {
  'grpc.Get': { what: 'gRPC Get, of Health/Check', least: 0.6, recorded: { value: 0.58, where: PERFORMANCE } },
  'grpc.Create': { what: 'gRPC Create, of Health/Check', least: 0.38, recorded: { value: 0.36, where: PERFORMANCE } },
  'grpc.Append, one message': {
    what: 'gRPC Append, of Health/Check',
    least: 0.38,
    recorded: { value: 0.29, where: PERFORMANCE },
  },
  'grpc.History, 50 messages': {
    what: 'gRPC History of 50, of Health/Check',
    least: 0.28,
    recorded: { value: 0.27, where: PERFORMANCE },
  },
  'gateway.Get': {
    what: 'REST Get through the gateway, of gRPC',
    least: 0.45,
    recorded: { value: 0.32, where: BROWSER },
  },
  'gateway.Create': { what: 'REST Create through the gateway, of gRPC', least: 0.45 },
  'gateway.History': { what: 'REST History of 50 through the gateway, of gRPC', least: 0.45 },
  'nono.Get': { what: 'REST Get through nono, of gRPC', least: 0.65, recorded: { value: 0.59, where: BROWSER } },
  'nono.Create': { what: 'REST Create through nono, of gRPC', least: 0.65 },
  'nono.History': { what: 'REST History of 50 through nono, of gRPC', least: 0.65 },
  // 35 and 38 µs at 67 500 Health/Checks per second.
  'gateway.CPU': {
    what: 'CPU of the gateway for a REST Get, of the time between two Health/Checks',
    most: 2.36,
    recorded: { value: 5.2, where: BROWSER },
  },
  'service.CPU': {
    what: 'CPU of the service for a REST Get, of the time between two Health/Checks',
    most: 2.57,
    recorded: { value: 3.9, where: BROWSER },
  },
  'fastapi.Create': { what: 'Create, of FastAPI with redis-py', least: 10, recorded: { value: 2.4, where: BROWSER } },
  'fastapi.List of 50': {
    what: 'List of 50, of FastAPI with redis-py',
    least: 10,
    recorded: { value: 3.2, where: BROWSER },
  },
  'fastapi.History of 50': {
    what: 'History of 50, of FastAPI with redis-py',
    least: 10,
    recorded: { value: 1.9, where: BROWSER },
  },
  'fastapi.List of 50 of 10 000': { what: 'List of 50 with 10 000 sessions, of FastAPI with redis-py', least: 100 },
  'growth.List': { what: 'List of 50 with 1 000 000 sessions, of 1000', most: 1.1 },
  'growth.History, from the middle': { what: 'History of 50 of 10 000 messages, of 100', most: 1.1 },
  'memory.session': {
    what: 'Redis memory of a session',
    most: 400,
    unit: 'B',
    recorded: { value: 426, where: PERFORMANCE },
  },
  'memory.message': { what: 'Redis memory of a message beyond its content', most: 80, unit: 'B' },
  'start.nono': { what: 'nono: start to ready', most: 50, unit: 'ms' },
  'start.session-service': { what: 'session-service: start to ready', most: 50, unit: 'ms' },
  'start.gateway': { what: 'gateway: start to ready', most: 50, unit: 'ms' },
  'resident.nono': { what: 'nono: resident memory when idle', most: 16, unit: 'MiB' },
  'resident.session-service': { what: 'session-service: resident memory when idle', most: 16, unit: 'MiB' },
  'resident.gateway': { what: 'gateway: resident memory when idle', most: 16, unit: 'MiB' },
  'size.nono': { what: 'nono: size of the program', most: 25, unit: 'MB' },
  'size.session-service': { what: 'session-service: size of the program', most: 25, unit: 'MB' },
  'size.gateway': { what: 'gateway: size of the program', most: 25, unit: 'MB' },
  'relay.first': { what: 'chat relay: added delay of the first piece at the median', most: 1, unit: 'ms' },
  'relay.late': { what: '1000 paced streams: lateness of a piece at p99', most: 20, unit: 'ms' },
  'watch.memory': { what: '10 000 idle watchers: memory of each', most: 12, unit: 'KiB' },
  'watch.service': { what: '10 000 idle watchers: share of a core of the service', most: 10, unit: '%' },
  'watch.Redis': { what: '10 000 idle watchers: share of a core of Redis', most: 5, unit: '%' },
  'overload.service': {
    what: 'service at 4x of its peak: throughput, of the peak',
    least: 0.8,
    recorded: { value: 0.49, where: PERFORMANCE },
  },
  'overload.service.p99': {
    what: 'service at 4x of its peak: p99 of accepted calls',
    most: 250,
    unit: 'ms',
    recorded: { value: 920, where: PERFORMANCE },
  },
  'overload.gateway': {
    what: 'gateway at 4x of its peak: throughput, of the peak',
    least: 0.8,
    recorded: { value: 0.55, where: PERFORMANCE },
  },
  'overload.gateway.p99': {
    what: 'gateway at 4x of its peak: p99 of accepted calls',
    most: 250,
    unit: 'ms',
    recorded: { value: 937, where: PERFORMANCE },
  },
};

/** Returns 'met', 'recorded', 'missed' or 'unmeasured' for the figure of a target. Not a number: a load was no measurement. */
export function verdict(id, figure) {
  if (Number.isNaN(figure)) return 'unmeasured';
  const { least, recorded } = TARGETS[id];
  const reaches = (bound) => (least === undefined ? figure <= bound : figure >= bound);
  if (reaches(least ?? TARGETS[id].most)) return 'met';
  return recorded && reaches(recorded.value) ? 'recorded' : 'missed';
}
