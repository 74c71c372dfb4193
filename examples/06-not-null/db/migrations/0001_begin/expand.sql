CREATE TABLE orders (id bigint PRIMARY KEY, cents bigint NOT NULL, currency text);
INSERT INTO orders (id, cents) SELECT n, n FROM generate_series(1, 500000) n;
