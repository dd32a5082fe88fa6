//! Divergence tables: their schema, the identity of a divergence, writing and reading. Only this room knows the schema.
//!
//! `<output>/divergences/rule=<rule>/run=<run_id>/part-0.parquet`, sorted by key, NULLs first; `<output>/runs/<run_id>.parquet`,
//! one row a rule, written last: readers start from it. Until the ledger tells of the run's end, the record waits below
//! `<output>/unfinished/`.

mod acks;
mod assemble;
mod detail;
mod earlier;
mod expire;
mod identity;
mod lives;
mod marker;
mod open;
mod output;
mod reader;
mod recorded;
mod records;
mod schema;
mod sort;
mod stored;
mod table;
mod unfinished;
mod write;

pub use acks::{
    AckFile, Acks, Asker, ENDS as ACK_ENDS, FOLDER as ACKS, Sighted, Stamp, ack_schema, unreadable as acks_unreadable,
};
pub use assemble::{Assembler, assemble_query, assemble_schema_differences};
pub use earlier::{Earlier, begun_at, marks};
pub use expire::Expiring;
pub use lives::{Lives, value_columns};
pub use marker::{MARKER, check_marker};
pub use open::{Stood, in_sorted_order, stand};
pub use output::{LEDGER, Output};
pub use reader::{Results, Sightings, Width, first_rows, register_results};
pub use recorded::{Recorded, Standing};
pub use records::{RunRecord, run_record_schema};
pub use schema::{DivergenceSchema, stored_type};
pub use stored::{RuleOutput, StoredFile, Table, below, sha256};
pub use unfinished::{
    FOLDER as UNFINISHED, Staged, acknowledged as staged_ack, claim_unfinished, publish, put_in_place, read_unfinished,
    remove_rest, staged, take_back,
};
pub use write::{Found, Written, write_sorted};
