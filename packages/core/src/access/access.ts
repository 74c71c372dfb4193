/** What a token may do. `admin` includes all, `write` includes `read`, the others nothing but themselves. */
export const SCOPES = ['admin', 'write', 'read', 'agent', 'router'] as const;
export type Scope = (typeof SCOPES)[number];

export function allows(granted: readonly Scope[], wanted: Scope): boolean {
  if (granted.includes('admin')) return true;
  return granted.includes(wanted) || (wanted === 'read' && granted.includes('write'));
}
