import { z } from 'zod';

/** `Mon-Fri 08:00-17:00 Europe/Madrid`: days, hours of the wall clock there, and an IANA time zone. */
const DAYS: readonly (string | undefined)[] = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

export interface Window {
  /** 0 is Monday. */
  readonly days: readonly number[];
  /** Minutes since midnight; `to` is not included, and lies on the next day when it is not after `from`. */
  readonly from: number;
  readonly to: number;
  readonly zone: string;
  readonly text: string;
}

const PATTERN = /^([A-Z][a-z]{2})(?:-([A-Z][a-z]{2}))? (\d{2}):(\d{2})-(\d{2}):(\d{2})(?: (\S+))?$/;

export const window = z
  .string()
  .transform((text, context): Window => {
    const match = PATTERN.exec(text.trim());
    const read = match ? readWindow(text, match) : null;
    if (read) return read;
    context.addIssue({
      code: 'custom',
      message: `expected days, hours and a time zone, such as Mon-Fri 08:00-17:00 Europe/Madrid, found "${text}"`,
    });
    return z.NEVER;
  })
  .meta({ examples: ['Mon-Fri 08:00-17:00 Europe/Madrid'] });

function readWindow(text: string, match: RegExpExecArray): Window | null {
  const day = (name: string | undefined) => (name === undefined ? -1 : DAYS.indexOf(name));
  const first = day(match[1]);
  const last = match[2] === undefined ? first : day(match[2]);
  const minutes = (hours: number, rest: number) =>
    hours * 60 + rest <= 1_440 && rest < 60 ? hours * 60 + rest : -1;
  const from = minutes(Number(match[3]), Number(match[4]));
  const to = minutes(Number(match[5]), Number(match[6]));
  const zone = match[7] ?? 'UTC';
  if (first < 0 || last < 0 || from < 0 || to < 0 || !isZone(zone)) return null;
  const count = ((last - first + 7) % 7) + 1;
  const days = Array.from({ length: count }, (_, offset) => (first + offset) % 7);
  return { days, from, to, zone, text: text.trim() };
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Whether the wall clock in the window's zone stands inside it. */
export function isOpen(window: Window, at: Date): boolean {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en-GB', {
      timeZone: window.zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const today = DAYS.indexOf(parts.weekday);
  const minute = Number(parts.hour) * 60 + Number(parts.minute);
  const yesterday = (today + 6) % 7;
  if (window.from < window.to)
    return window.days.includes(today) && minute >= window.from && minute < window.to;
  return (
    (window.days.includes(today) && minute >= window.from) ||
    (window.days.includes(yesterday) && minute < window.to)
  );
}
