import type { Command } from 'commander';

/** A file of commands adds them to the program. */
export type AddCommands = (program: Command) => void;
