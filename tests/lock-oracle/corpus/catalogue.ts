import type { Case } from '../case.ts';
import { ACCESS } from './access.ts';
import { ADD_COLUMN } from './add-column.ts';
import { ALTER_COLUMN } from './alter-column.ts';
import { CHANGE_TYPE } from './change-type.ts';
import { CONSTRAINTS } from './constraints.ts';
import { INDEXES } from './indexes.ts';
import { PARTITIONS } from './partitions.ts';
import { QUERIES } from './queries.ts';
import { RELATIONS } from './relations.ts';

/** The statements of the lock table, in all their variants. */
export const WRITTEN: readonly Case[] = [
  ...ADD_COLUMN,
  ...ALTER_COLUMN,
  ...CHANGE_TYPE,
  ...CONSTRAINTS,
  ...INDEXES,
  ...PARTITIONS,
  ...RELATIONS,
  ...ACCESS,
  ...QUERIES,
];
