import { accept, type Result, refuse } from './result.ts';

/**
 * The units that users write in holdfast.yaml, each parsed to one base unit:
 * durations to milliseconds (`250ms`, `30s`, `10m`, `24h`, `7d`), shares to basis points of
 * 10,000 (`5%`), percentage points to a fraction (`0.2pp` = 0.002),
 * sizes to bytes (`64MiB`).
 */
const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function parseDurationMs(text: string): Result<number, string> {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  if (!match) {
    return refuse(`expected a duration such as 250ms, 30s, 10m, 24h or 7d, found "${text}"`);
  }
  return accept(Number(match[1]) * MS[match[2] as keyof typeof MS]);
}

export function parseShare(text: string): Result<number, string> {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text.trim());
  const percent = match ? Number(match[1]) : Number.NaN;
  if (!(percent >= 0 && percent <= 100)) {
    return refuse(`expected a share from 0% to 100%, found "${text}"`);
  }
  return accept(Math.round(percent * 100));
}

export function parsePercentagePoints(text: string): Result<number, string> {
  const match = /^(\d+(?:\.\d+)?)pp$/.exec(text.trim());
  if (!match) return refuse(`expected percentage points such as 0.2pp, found "${text}"`);
  return accept(Number(match[1]) / 100);
}

const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 } as const;

export function parseBytes(text: string): Result<number, string> {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)$/.exec(text.trim());
  if (!match) return refuse(`expected a size such as 64MiB or 80GiB, found "${text}"`);
  return accept(Math.round(Number(match[1]) * BYTES[match[2] as keyof typeof BYTES]));
}

export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${trim(ms / 1_000)}s`;
  if (ms < 3_600_000) return `${trim(ms / 60_000)}m`;
  if (ms < 86_400_000) return `${trim(ms / 3_600_000)}h`;
  return `${trim(ms / 86_400_000)}d`;
}

export function formatShare(basisPoints: number): string {
  return `${trim(basisPoints / 100)}%`;
}

export function formatBytes(bytes: number): string {
  const fits = Object.entries(BYTES).filter(([, unit]) => bytes >= unit);
  const [name, unit] = fits.at(-1) ?? ['B', 1];
  return `${trim(bytes / unit)} ${name}`;
}

function trim(value: number): string {
  return String(Math.round(value * 10) / 10);
}
