import { v5, v7 } from 'uuid';

/** UUIDv7 (RFC 9562), made by the caller, so that a retry is the same request. */
export function newId(): string {
  return v7();
}

const NAMED = '6f1c0b0e-6d5c-4a4e-8f0c-3a1a5e0b7d21';

/** UUIDv5: the same for the same words, whoever makes it. */
export function idOf(words: string): string {
  return v5(words, NAMED);
}

export function isId(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(text);
}
