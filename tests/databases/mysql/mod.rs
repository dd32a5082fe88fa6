//! MariaDB against files and against itself.

mod errors;
mod faults;
mod joined;
mod moment;
mod pair;
mod relations;
mod types;
