import type { Rule } from './rule.ts';
import { addCheck } from './rules/add-check.ts';
import { addColumnConstrainedDomain } from './rules/add-column-constrained-domain.ts';
import { addColumnIdentity } from './rules/add-column-identity.ts';
import { addColumnNotNull } from './rules/add-column-not-null.ts';
import { addColumnSerial } from './rules/add-column-serial.ts';
import { addColumnStoredGenerated } from './rules/add-column-stored-generated.ts';
import { addColumnVolatileDefault } from './rules/add-column-volatile-default.ts';
import { addExclusion } from './rules/add-exclusion.ts';
import { addForeignKey } from './rules/add-foreign-key.ts';
import { addUnique } from './rules/add-unique.ts';
import { attachPartition } from './rules/attach-partition.ts';
import { backfillRepeats } from './rules/backfill-repeats.ts';
import { backfillShape } from './rules/backfill-shape.ts';
import { bindsWriters } from './rules/binds-writers.ts';
import { bulkChange } from './rules/bulk-change.ts';
import { changeColumnType } from './rules/change-column-type.ts';
import { changeDefault } from './rules/change-default.ts';
import { concurrentlyInTransaction } from './rules/concurrently-in-transaction.ts';
import { createIndex } from './rules/create-index.ts';
import { definerSearchPath } from './rules/definer-search-path.ts';
import { detachPartition } from './rules/detach-partition.ts';
import { dropColumn } from './rules/drop-column.ts';
import { dropConstraint } from './rules/drop-constraint.ts';
import { dropIndex } from './rules/drop-index.ts';
import { dropNotNull } from './rules/drop-not-null.ts';
import { dropObject } from './rules/drop-object.ts';
import { enumRename } from './rules/enum-rename.ts';
import { foreignKeyWithoutIndex } from './rules/foreign-key-without-index.ts';
import { indexCorruption } from './rules/index-corruption.ts';
import { instantLock } from './rules/instant-lock.ts';
import { invalidIndex } from './rules/invalid-index.ts';
import { jsonColumn } from './rules/json-column.ts';
import { longLock } from './rules/long-lock.ts';
import { mixedTransaction } from './rules/mixed-transaction.ts';
import { nameTooLong } from './rules/name-too-long.ts';
import { narrowPrimaryKey } from './rules/narrow-primary-key.ts';
import { otherValues } from './rules/other-values.ts';
import { refreshView } from './rules/refresh-view.ts';
import { rename } from './rules/rename.ts';
import { rowSecurity } from './rules/row-security.ts';
import { sessionSetting } from './rules/session-setting.ts';
import { setNotNull } from './rules/set-not-null.ts';
import { severalLocks } from './rules/several-locks.ts';
import { tableRewrite } from './rules/table-rewrite.ts';
import { transactionControl } from './rules/transaction-control.ts';
import { unknownStatement } from './rules/unknown-statement.ts';
import { validateWithAdd } from './rules/validate-with-add.ts';

/** Every rule, in the order of the reference. A new one is a file and a line here. */
export const RULES: readonly Rule[] = [
  addColumnVolatileDefault,
  addColumnSerial,
  addColumnIdentity,
  addColumnStoredGenerated,
  addColumnConstrainedDomain,
  addColumnNotNull,
  dropColumn,
  rename,
  dropObject,
  setNotNull,
  dropNotNull,
  bindsWriters,
  changeColumnType,
  otherValues,
  addCheck,
  addForeignKey,
  validateWithAdd,
  addUnique,
  addExclusion,
  createIndex,
  concurrentlyInTransaction,
  transactionControl,
  dropIndex,
  tableRewrite,
  attachPartition,
  detachPartition,
  dropConstraint,
  instantLock,
  rowSecurity,
  refreshView,
  enumRename,
  jsonColumn,
  narrowPrimaryKey,
  mixedTransaction,
  severalLocks,
  sessionSetting,
  bulkChange,
  backfillShape,
  backfillRepeats,
  foreignKeyWithoutIndex,
  nameTooLong,
  changeDefault,
  indexCorruption,
  invalidIndex,
  definerSearchPath,
  longLock,
  unknownStatement,
];
