import type { RolloutView } from '@holdfast/contract/api/resources.ts';
import { Badge } from './badge.tsx';

type Judgement = NonNullable<RolloutView['judgement']>;
type Metric = Judgement['metrics'][number];

/** The judge in words: estimate, interval, allowed margin and n of each metric. */
export function Verdicts({ judgement }: { readonly judgement: RolloutView['judgement'] }) {
  if (!judgement) return null;
  return (
    <section className="verdicts">
      {judgement.metrics.map((metric) => (
        <article key={metric.metric} className="panel verdict">
          <div className="title small">
            <h2>{TITLES[metric.metric] ?? metric.metric}</h2>
            <Badge state={metric.verdict} />
          </div>
          <p>{metric.sentence}.</p>
          <IntervalBar metric={metric} />
          <p className="muted">
            difference {figure(metric, metric.estimate)}, interval{' '}
            {metric.interval
              ? `${figure(metric, metric.interval[0])} to ${figure(metric, metric.interval[1])}`
              : '–'}
            , allowed {figure(metric, metric.margin)}, n = {metric.n.candidate} candidate /{' '}
            {metric.n.baseline} baseline
          </p>
        </article>
      ))}
    </section>
  );
}

const TITLES: { readonly [metric: string]: string } = { errorRate: 'Error rate', latency: 'Latency, p95' };

function figure(metric: Metric, value: number | null): string {
  if (value === null) return '–';
  if (metric.unit === 'ms') return `${value.toFixed(0)} ms`;
  return `${(value * 100).toFixed(2)} ${metric.unit === 'rate' ? 'pp' : '%'}`;
}

/** Where the difference lies: zero, the allowed margin, the interval and the estimate on one line. */
function IntervalBar({ metric }: { readonly metric: Metric }) {
  if (!metric.interval || metric.estimate === null) return null;
  const [low, high] = metric.interval;
  const reach = Math.max(Math.abs(low), Math.abs(high), metric.margin * 1.5, Math.abs(metric.estimate));
  const x = (value: number) => 50 + (value / reach) * 48;
  const estimate = x(metric.estimate);
  return (
    <svg
      className="interval"
      viewBox="0 0 100 14"
      preserveAspectRatio="none"
      role="img"
      aria-label={`difference ${figure(metric, metric.estimate)}, allowed ${figure(metric, metric.margin)}`}
    >
      <line x1="0" x2="100" y1="7" y2="7" className="axis" />
      <line x1="50" x2="50" y1="2" y2="12" className="zero" />
      <line x1={x(metric.margin)} x2={x(metric.margin)} y1="0" y2="14" className="margin" />
      <line x1={x(low)} x2={x(high)} y1="7" y2="7" className={`range ${metric.verdict}`} />
      <line x1={estimate} x2={estimate} y1="3" y2="11" className="estimate" />
    </svg>
  );
}
