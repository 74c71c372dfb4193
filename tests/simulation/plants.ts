/** Bugs that were put in on purpose, one at a time, to see that the simulator finds each. */
export const PLANTS = ['leaseWithoutFence', 'againCounted', 'grantNotSentAgain', 'readerOnId'] as const;
export type Plant = (typeof PLANTS)[number];
