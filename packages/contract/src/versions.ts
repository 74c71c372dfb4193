/** 2: leaseReturned, logs within exchanges, small exchanges. A controller serves agents and routers from N−1 to N+1 (protocol §1). */
export const PROTOCOL = { version: 2, min: 1 } as const;
