CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO customers (id, name) SELECT n, 'First' || n || ' Last' || n FROM generate_series(1, 20000) n;
