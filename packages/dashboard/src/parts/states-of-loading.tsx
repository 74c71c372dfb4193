import type { HoldfastError } from '@holdfast/contract/errors.ts';
import { ERRORS } from '@holdfast/contract/errors.ts';

export function Problem({ error }: { readonly error: HoldfastError }) {
  return (
    <section className="empty">
      <h2>{error.message}</h2>
      <p>{ERRORS[error.code].remedy}</p>
    </section>
  );
}

export function Loading() {
  return <p className="loading">Loading…</p>;
}
