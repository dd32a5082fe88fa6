//! A table of PostgreSQL against files: what is equal ties out under every strategy, and one cell that differs is told.

use super::tie::{Pair, STRATEGIES};

const TABLE: &str = "
    CREATE TABLE plain (id int PRIMARY KEY, small smallint, big bigint, amount numeric(12,2), real float4, double float8,
        flag boolean, name text, code varchar(8), day date, at timestamp, zoned timestamptz, clock time, uid uuid, raw bytea);
    INSERT INTO plain VALUES
        (1, -7, 9007199254740993, 2.50, 1.5, -0.0, true, 'José', 'a', '2026-03-01', '2026-03-01 12:00:00.000001',
         '2026-03-01 13:00:00+01', '12:30:00.5', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '\\x00ff'),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (3, 0, 0, -0.01, 'NaN', 'Infinity', false, 'it''s', '', '0001-01-01', '1969-12-31 23:59:59.999999',
         '9999-12-31 23:59:59+00', '00:00:00', '00000000-0000-0000-0000-000000000000', '');
";

const PARQUET: &str = "
    id:int32, small:int16, big:int64, amount:decimal(12,2), real:float32, double:float64, flag:bool, name:utf8, code:utf8, day:date32, at:timestamp(us), zoned:timestamp(us,UTC), clock:time64(us), uid:utf8, raw:binary
    1 | -7 | 9007199254740993 | 2.50 | 1.5 | 0.0 | true | José | a | 2026-03-01 | 2026-03-01T12:00:00.000001 | 2026-03-01T12:00:00Z | 12:30:00.5 | a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 | 00ff
    2 | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL | NULL
    3 | 0 | 0 | -0.01 | NaN | inf | false | it's | '' | 0001-01-01 | 1969-12-31T23:59:59.999999 | 9999-12-31T23:59:59Z | 00:00:00 | 00000000-0000-0000-0000-000000000000 | ''
";

#[test]
fn plain_types_against_parquet() {
    let pair = Pair::new(TABLE);
    let file = pair.tieout.parquet("plain.parquet", PARQUET);
    for strategy in STRATEGIES {
        pair.reconciled("plain", &file.display().to_string(), &["--key", "id", "--strategy", strategy]);
    }
}
