import { type Change, type Side, shape } from './change.ts';

/** What binds every writer: indexes and constraints, at the end and from the beginning. */
const quantity = (token: number) => [String(token), `item ${token}`];
const ITEMS = 'CREATE TABLE items (id bigint PRIMARY KEY, quantity bigint, name text)';
const items = shape('items', { quantity: 'bigint', name: 'text' }, quantity);
const signed = (token: number, by: Side) => [by === 'old' ? String(token) : `-${token}`, `item ${token}`];
const both = { old: items, new: items };
const CUSTOMERS = 100;
const owned = shape('items', { quantity: 'bigint', customer_id: 'bigint' }, (token) => [
  String(token),
  String(1 + (token % CUSTOMERS)),
]);
const OWNED = `CREATE TABLE customers (id bigint PRIMARY KEY);
  INSERT INTO customers SELECT generate_series(1, ${CUSTOMERS});
  CREATE TABLE items (id bigint PRIMARY KEY, quantity bigint, customer_id bigint)`;
const foreignKey = (when: string) =>
  `- addForeignKey: { table: items, name: items_customer, columns: [customer_id], references: { table: customers, columns: [id] }, when: ${when} }`;

export const CONSTRAINTS: readonly Change[] = [
  {
    name: 'add-index',
    yaml: '- addIndex: { table: items, columns: [quantity, lower(name)], name: items_quantity, unique: true }',
    schema: ITEMS,
    ...both,
  },
  {
    name: 'drop-index',
    yaml: '- dropIndex: { name: items_name }',
    schema: `${ITEMS}; CREATE INDEX items_name ON items (name)`,
    ...both,
  },
  {
    name: 'add-check',
    yaml: '- addCheck: { table: items, name: positive, check: "quantity > 0" }',
    schema: ITEMS,
    ...both,
  },
  {
    name: 'add-check-early',
    yaml: '- addCheck: { table: items, name: positive, check: "quantity > 0", when: expand }',
    schema: ITEMS,
    ...both,
  },
  { name: 'add-foreign-key', yaml: foreignKey('contract'), schema: OWNED, old: owned, new: owned },
  { name: 'add-foreign-key-early', yaml: foreignKey('expand'), schema: OWNED, old: owned, new: owned },
  {
    name: 'add-unique',
    yaml: '- addUnique: { table: items, name: items_name, columns: [name] }',
    schema: ITEMS,
    ...both,
  },
  {
    name: 'add-unique-early',
    yaml: '- addUnique: { table: items, name: items_name, columns: [name], when: expand }',
    schema: ITEMS,
    ...both,
  },
  {
    name: 'drop-constraint',
    yaml: '- dropConstraint: { table: items, name: positive }',
    schema: `${ITEMS}; ALTER TABLE items ADD CONSTRAINT positive CHECK (quantity > 0)`,
    old: { ...items, shows: signed },
    new: { ...items, writes: (token) => signed(token, 'new'), shows: signed },
  },
];
