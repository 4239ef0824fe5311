// The chart of docs/benchmarks.md: throughput and p99 latency against offered load.

const WIDTH = 360;
const HEIGHT = 220;
const MARGIN = { left: 56, right: 16, top: 36, bottom: 44 };
const COLORS = { service: '#2563eb', gateway: '#d97706' };

/**
 * Returns an SVG with two panels.
 *
 * @param {{ columns: string[], rows: string[][] }} table the table of the benchmark `overload`
 */
export function overloadChart({ columns, rows }) {
  const column = (name) => columns.indexOf(name);
  const points = rows.map((row) => ({
    target: row[column('through')],
    load: Number.parseFloat(row[column('load')]),
    throughput: Number(row[column('of the peak')]) * 100,
    latency: Number(row[column('p99 ms')]),
  }));
  const throughput = panel(points, 'throughput', 'accepted calls, % of the peak', 110, 0);
  const highest = Math.max(250, ...points.map(({ latency }) => latency));
  const latency = panel(points, 'latency', 'p99 of accepted calls, ms', highest * 1.1, WIDTH);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH * 2} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    '<title>Throughput and p99 latency of the service and the gateway against offered load</title>',
    `<rect width="${WIDTH * 2}" height="${HEIGHT}" fill="#ffffff"/>`,
    throughput,
    latency,
    '</svg>\n',
  ].join('\n');
}

function panel(points, field, title, maximum, offset) {
  const left = offset + MARGIN.left;
  const right = offset + WIDTH - MARGIN.right;
  const bottom = HEIGHT - MARGIN.bottom;
  const most = Math.max(...points.map(({ load }) => load));
  const x = (load) => left + ((right - left) * load) / most;
  const y = (value) => bottom - ((bottom - MARGIN.top) * value) / maximum;
  const lines = [`<text x="${left}" y="${MARGIN.top - 16}" font-weight="bold" fill="#111827">${title}</text>`];
  for (let tick = 0; tick <= 4; tick++) {
    const value = (maximum / 4) * tick;
    lines.push(`<line x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}" stroke="#e5e7eb"/>`);
    lines.push(
      `<text x="${left - 6}" y="${y(value) + 4}" text-anchor="end" fill="#374151">${Math.round(value)}</text>`,
    );
  }
  for (const load of new Set(points.map((point) => point.load))) {
    lines.push(`<text x="${x(load)}" y="${bottom + 16}" text-anchor="middle" fill="#374151">${load}x</text>`);
  }
  lines.push(`<text x="${right}" y="${bottom + 32}" text-anchor="end" fill="#374151">offered load, of the peak</text>`);
  Object.entries(COLORS).forEach(([target, color], index) => {
    const own = points.filter((point) => point.target === target);
    const path = own.map((point) => `${x(point.load).toFixed(1)},${y(point[field]).toFixed(1)}`);
    lines.push(`<polyline points="${path.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`);
    for (const position of path) {
      const [cx, cy] = position.split(',');
      lines.push(`<circle cx="${cx}" cy="${cy}" r="3" fill="${color}"/>`);
    }
    lines.push(`<text x="${left + 80 * index}" y="${bottom + 32}" fill="${color}">${target}</text>`);
  });
  return lines.join('\n');
}
