import { askJson, fillRelease, type MetricProvider, numberOf } from './provider.ts';

/** Any address that answers JSON; `query` is the path to the number in it, such as data.rate or rows.0.value. */
export const json: MetricProvider = {
  now: async (metric, release) => {
    const url = fillRelease(metric.url.replaceAll('%7B%7B', '{{').replaceAll('%7D%7D', '}}'), release);
    const answer = await askJson(url, metric.token);
    return numberOf(
      metric.query.split('.').reduce<unknown>((value, key) => {
        const own = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
        return own ? (value as Record<string, unknown>)[key] : undefined;
      }, answer),
    );
  },
  past: async () => [],
};
