/** What a token may do. A scope includes nothing but itself, except `admin`, which includes all. */
export const SCOPES = ['admin', 'write', 'read', 'agent', 'router'] as const;
export type Scope = (typeof SCOPES)[number];

export function allows(granted: readonly Scope[], wanted: Scope): boolean {
  if (granted.includes('admin')) return true;
  return granted.includes(wanted) || (wanted === 'read' && granted.includes('write'));
}
