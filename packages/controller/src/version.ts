/** Kept equal to package.json by a test in tools/. */
export const VERSION = '0.3.0';
