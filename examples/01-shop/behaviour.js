/** What a release of the shop does. The demo pushes new versions of this file. */
export const version = 1;

/** Part of the requests that fail, and how much longer each takes. */
export const failing = 0;
export const extraMs = 0;
