//! Columns that are not there, or that cannot be compared.

use super::{people, refused};

#[test]
fn a_key_column_that_nobody_has() {
    refused(
        &people(),
        &["diff", "a.csv", "b.parquet", "-k", "idd", "--out", "out"],
        "not_found",
        "error: there is no key column `idd`
         hint: did you mean `id`?",
    );
}

#[test]
fn a_key_column_that_one_side_lacks() {
    let tieout = people();
    tieout.parquet("c.parquet", "ident:int64, name:utf8\n1 | Ann");
    refused(
        &tieout,
        &["diff", "a.csv", "c.parquet", "-k", "id", "--out", "out"],
        "not_found",
        "error: there is no key column `id`
           in side target
         hint: the columns there are `ident`, `name`; map one by `map:` (--map)",
    );
    tieout.parquet("d.parquet", "Customer_No:int64, name:utf8\n1 | Ann");
    tieout.file("e.csv", "customer_nr,name\n1,Ann\n");
    refused(
        &tieout,
        &["diff", "e.csv", "d.parquet", "-k", "customer_nr", "--out", "out"],
        "not_found",
        "error: there is no key column `customer_nr`
           in side target
         hint: if `Customer_No` is meant, say so by `map: {Customer_No: customer_nr}` (--map Customer_No=customer_nr)",
    );
    tieout.run(["diff", "e.csv", "d.parquet", "-k", "customer_nr", "--map", "Customer_No=customer_nr"]).exits(0);
}

#[test]
fn other_columns_that_nobody_has() {
    let tieout = people();
    let flags = [("--ignore", "nam"), ("--columns", "nam"), ("--trim", "nam"), ("--tolerance", "nam=1")];
    for (flag, value) in flags {
        refused(
            &tieout,
            &["diff", "a.csv", "b.parquet", "-k", "id", "--out", "out", flag, value],
            "not_found",
            "error: there is no column `nam`
             hint: did you mean `name`?",
        );
    }
    refused(
        &tieout,
        &["diff", "a.csv", "b.parquet", "-k", "id", "--out", "out", "--map", "nam=name"],
        "not_found",
        "error: there is no column `nam`
           in side target
         hint: did you mean `name`?",
    );
}

#[test]
fn keys_whose_types_cannot_be_compared() {
    let tieout = people();
    tieout.parquet("flags.parquet", "id:bool, name:utf8\ntrue | Ann");
    refused(
        &tieout,
        &["diff", "flags.parquet", "b.parquet", "-k", "id", "--out", "out"],
        "schema",
        "error: the key column `id` is Boolean in source and Int64 in target, which cannot be compared
         hint: bring both to one type: `columns: {id: {target: \"cast(id as ...)\"}}`, or choose another key",
    );
}

#[test]
fn zoned_against_zoneless() {
    let tieout = people();
    tieout.parquet("zoned.parquet", "id:int64, at:timestamp(us, UTC)\n1 | 2026-01-01T00:00:00Z");
    tieout.parquet("local.parquet", "id:int64, at:timestamp(us)\n1 | 2026-01-01T01:00:00");
    refused(
        &tieout,
        &["diff", "local.parquet", "zoned.parquet", "-k", "id", "--out", "out"],
        "schema",
        "error: column `at` is Timestamp(µs) in source and Timestamp(µs, \"UTC\") in target: an instant cannot be compared with \
         a time without zone
           in side source
         hint: say what the source means: `columns: {at: {timezone: Europe/Berlin}}` (--timezone at=Europe/Berlin)",
    );
    // The hint works.
    tieout.run(["diff", "local.parquet", "zoned.parquet", "-k", "id", "--timezone", "at=Europe/Berlin"]).exits(0);
}

#[test]
fn tolerances_that_mean_nothing() {
    let tieout = people();
    refused(
        &tieout,
        &["diff", "a.csv", "b.parquet", "-k", "id", "--out", "out", "--tolerance", "name=1"],
        "config",
        "error: `name` is Utf8: only numbers and times have a tolerance
         hint: give the column a type under `columns:` of the dataset, or remove the tolerance",
    );
}

#[test]
fn a_zone_that_does_not_exist() {
    refused(
        &people(),
        &["diff", "a.csv", "b.parquet", "-k", "id", "--out", "out", "--timezone", "at=Mars/Base"],
        "usage",
        "error: there is no time zone `Mars/Base`
           in flag --timezone
         hint: name it as Europe/Berlin or +02:00",
    );
}
