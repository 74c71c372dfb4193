import { z } from 'zod';
import { askJson, fillRelease, type MetricProvider, numberOf, ProviderProblem } from './provider.ts';

/** Prometheus' HTTP API v1: instant and range queries that give one series. */
const point = z.tuple([z.number(), z.string()]);
const answer = z.object({
  status: z.literal('success'),
  data: z.object({
    result: z.union([
      point,
      z.array(z.object({ value: point.optional(), values: z.array(point).optional() })),
    ]),
  }),
});

export const prometheus: MetricProvider = {
  now: async (metric, release) => {
    const result = await query(metric, 'query', { query: fillRelease(metric.query, release) });
    if (typeof result[0] === 'number') return numberOf(result[1]);
    const [series, second] = result as { value?: [number, string] }[];
    if (!series?.value) throw new ProviderProblem('the query gave no value');
    if (second) throw new ProviderProblem('the query gave several series, expected one');
    return numberOf(series.value[1]);
  },

  past: async (metric, { until, seconds }) => {
    const step = Math.max(1, Math.round(metric.interval / 1_000));
    const result = await query(metric, 'query_range', {
      query: metric.query,
      start: String(until - seconds),
      end: String(until),
      step: String(step),
    });
    const [series] = result as { values?: [number, string][] }[];
    return (series?.values ?? []).map(([, value]) => Number(value)).filter(Number.isFinite);
  },
};

async function query(
  metric: { readonly url: string; readonly token?: string | undefined },
  kind: 'query' | 'query_range',
  words: Record<string, string>,
) {
  const base = metric.url.endsWith('/') ? metric.url : `${metric.url}/`;
  const url = new URL(`api/v1/${kind}?${new URLSearchParams(words)}`, base);
  const read = answer.safeParse(await askJson(url.href, metric.token));
  if (!read.success) throw new ProviderProblem('its answer is not one of Prometheus');
  return read.data.data.result;
}
