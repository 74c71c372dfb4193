import { v7 } from 'uuid';

/** UUIDv7 (RFC 9562), made by the caller, so that a retry is the same request. */
export function newId(): string {
  return v7();
}

export function isId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text);
}
