-- The shop's orders, as they are in PostgreSQL: psql -d shop -f shop.sql
CREATE SCHEMA sales;
CREATE TYPE sales.status AS ENUM ('placed', 'paid', 'shipped', 'returned');

CREATE TABLE sales.orders (
  order_id  int PRIMARY KEY,
  customer  text NOT NULL,
  amount    numeric(12,2) NOT NULL,
  currency  char(3) NOT NULL,
  placed_at timestamptz NOT NULL,
  shipped   date,
  status    sales.status NOT NULL,
  note      text
);

INSERT INTO sales.orders
SELECT
  1000 + i,
  'C-' || lpad((i * 37 % 400)::text, 4, '0'),
  (i * 7919 % 100000) / 100.0,
  (ARRAY['EUR', 'USD', 'GBP'])[1 + i % 3],
  TIMESTAMPTZ '2026-03-01 00:00:00+00' + i * INTERVAL '7 minutes',
  CASE WHEN i % 10 > 0 THEN DATE '2026-03-02' + i / 200 END,
  (ARRAY['placed', 'paid', 'shipped', 'returned'])[1 + i % 4]::sales.status,
  CASE WHEN i % 5 = 0 THEN 'leave it at no. ' || i % 90 END
FROM generate_series(1, 5000) AS i;

ANALYZE sales.orders;
