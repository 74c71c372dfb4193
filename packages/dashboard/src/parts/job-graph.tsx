import type { JobView } from '@holdfast/contract/api/resources.ts';
import { lasted, toneOf } from '../data/words.ts';

/** Jobs by what they need: a column for each depth, a line from what is needed. */
const WIDTH = 190;
const HEIGHT = 56;
const GAP_X = 56;
const GAP_Y = 18;

interface Placed {
  readonly job: JobView;
  readonly x: number;
  readonly y: number;
}

export function JobGraph({
  jobs,
  chosen,
  choose,
}: {
  readonly jobs: readonly JobView[];
  readonly chosen: string | null;
  readonly choose: (id: string) => void;
}) {
  const placed = place(jobs);
  const width = Math.max(...placed.map((node) => node.x + WIDTH), WIDTH);
  const height = Math.max(...placed.map((node) => node.y + HEIGHT), HEIGHT);
  if (jobs.length === 0) return null;
  return (
    <div className="graph">
      <svg
        width={width + 4}
        height={height + 4}
        viewBox={`-2 -2 ${width + 4} ${height + 4}`}
        aria-label="Jobs and what they need"
      >
        {placed.flatMap((node) =>
          placed
            .filter((other) => node.job.needs.includes(other.job.key))
            .map((from) => (
              <path key={`${from.job.id} ${node.job.id}`} className="edge" d={edge(from, node)} />
            )),
        )}
        {placed.map((node) => (
          <Node key={node.job.id} node={node} chosen={node.job.id === chosen} choose={choose} />
        ))}
      </svg>
    </div>
  );
}

function Node({
  node,
  chosen,
  choose,
}: {
  readonly node: Placed;
  readonly chosen: boolean;
  readonly choose: (id: string) => void;
}) {
  const { job, x, y } = node;
  const done = job.steps.filter((step) => ['succeeded', 'skipped'].includes(step.state)).length;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a button cannot stand in an SVG
    <g
      transform={`translate(${x} ${y})`}
      className={`node ${toneOf(job.state)}${chosen ? ' chosen' : ''}`}
      role="button"
      tabIndex={0}
      aria-label={`${job.name}, ${job.state}`}
      onClick={() => choose(job.id)}
      onKeyDown={(event) => event.key === 'Enter' && choose(job.id)}
    >
      <rect width={WIDTH} height={HEIGHT} rx="8" />
      <circle cx="18" cy={HEIGHT / 2} r="5" />
      <text x="34" y="24" className="name">
        {job.name.length > 20 ? `${job.name.slice(0, 19)}…` : job.name}
      </text>
      <text x="34" y="42" className="detail">
        {job.state}
        {job.steps.length > 1 ? ` · ${done}/${job.steps.length}` : ''} · {lasted(job.startedAt, job.endedAt)}
      </text>
    </g>
  );
}

function place(jobs: readonly JobView[]): Placed[] {
  const depthOf = (job: JobView): number => {
    const needed = jobs.filter((other) => job.needs.includes(other.key));
    return needed.length === 0 ? 0 : 1 + Math.max(...needed.map(depthOf));
  };
  const rows = new Map<number, number>();
  return jobs.map((job) => {
    const depth = depthOf(job);
    const row = rows.get(depth) ?? 0;
    rows.set(depth, row + 1);
    return { job, x: depth * (WIDTH + GAP_X), y: row * (HEIGHT + GAP_Y) };
  });
}

function edge(from: Placed, to: Placed): string {
  const x1 = from.x + WIDTH;
  const y1 = from.y + HEIGHT / 2;
  const y2 = to.y + HEIGHT / 2;
  const bend = (to.x - x1) / 2;
  return `M${x1} ${y1} C${x1 + bend} ${y1} ${to.x - bend} ${y2} ${to.x} ${y2}`;
}
