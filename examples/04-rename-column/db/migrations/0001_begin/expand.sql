CREATE TABLE customers (id bigint PRIMARY KEY, mail text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX customers_mail ON customers (mail);
INSERT INTO customers (id, mail) SELECT n, n || '@example.com' FROM generate_series(1, 20000) n;
