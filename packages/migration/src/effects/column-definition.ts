import type { AlterTableCmd, ColumnDef, Constraint } from '@pgsql/types';

/** The definition that an ALTER TABLE subcommand carries. */
export function columnDefinition(command: AlterTableCmd): ColumnDef | null {
  return command.def && 'ColumnDef' in command.def ? command.def.ColumnDef : null;
}

export function constraintDefinition(command: AlterTableCmd): Constraint | null {
  return command.def && 'Constraint' in command.def ? command.def.Constraint : null;
}

export function columnConstraints(column: ColumnDef | null): readonly Constraint[] {
  return (column?.constraints ?? []).flatMap((node) => ('Constraint' in node ? [node.Constraint] : []));
}
