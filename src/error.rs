//! What went wrong, where, and what to do: the one error of the crate.
//!
//! A divergence is data and never an [`Error`]. An error says what was being done (`message`), to which rule, dataset and
//! side (`context`), where in the user's file (`location`), and what to do next (`hint`, kept apart from the message).

use std::fmt;
use std::path::PathBuf;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of an error; all of them end a run with exit code 2, but `Interrupted` (130).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// Wrong arguments on the command line.
    Usage,
    /// The project file, a query's header, or a variable of the environment.
    Config,
    /// Something that was named is not there: a file, a bucket, a rule, a column.
    NotFound,
    /// The system behind a dataset or an output refuses.
    Permission,
    /// The system behind a dataset cannot be reached, or gives up; it may be back later.
    Unavailable,
    /// Input that cannot be read: truncated, foreign, ragged, wrongly encoded.
    Data,
    /// Columns that cannot serve as asked: types that cannot be compared as keys, zoned against zoneless.
    Schema,
    /// SQL that does not parse or plan.
    Sql,
    /// An input changed while it was read.
    Changed,
    /// The output could not be written.
    Output,
    /// Memory or disk ran out.
    Resources,
    /// Ctrl-C.
    Interrupted,
    /// A promise of the engine did not hold (conservation), or a bug: never a verdict.
    Internal,
}

/// A place in a file that a person wrote. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub file: PathBuf,
    pub line: u64,
    pub column: u64,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// The fields of an [`Error`], boxed so that `Result` stays small.
#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    location: Option<Location>,
    hint: Option<String>,
    retryable: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

#[derive(Debug)]
pub struct Error(Box<Inner>);

impl Error {
    /// `message`: a sentence without a full stop, saying what could not be done.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            location: None,
            hint: None,
            retryable: false,
            source: None,
        }))
    }

    /// Adds where it happened, e.g. `("dataset", "bank.lines")`. The outermost context is printed first.
    /// A name that is already there is kept: the innermost knows best.
    pub fn context(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if !self.0.context.iter().any(|(n, _)| *n == name) {
            self.0.context.insert(0, (name, value.into()));
        }
        self
    }

    /// What to do about it; one sentence.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert(hint.into());
        self
    }

    /// Adds to the hint, or is one.
    pub fn more(mut self, hint: impl AsRef<str>) -> Self {
        let hint = hint.as_ref();
        self.0.hint = Some(self.0.hint.map_or_else(|| hint.to_string(), |first| format!("{first}; {hint}")));
        self
    }

    pub fn at(mut self, location: Location) -> Self {
        self.0.location.get_or_insert(location);
        self
    }

    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn contexts(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The words of what caused it.
    pub fn cause(&self) -> Option<String> {
        self.0.source.as_ref().map(ToString::to_string)
    }

    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }
}

/// One line: `message (rule orders, side target): cause`, with the location in front. The hint is printed apart.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.0.location {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}", self.0.message)?;
        if !self.0.context.is_empty() {
            let parts: Vec<String> = self.0.context.iter().map(|(n, v)| format!("{n} {v}")).collect();
            write!(f, " ({})", parts.join(", "))?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Errors travel through DataFusion's plans boxed as `External`; here they come out as what they were.
impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        match unwrap_datafusion(error) {
            Ok(ours) => ours,
            // Parquet's reader carries errors of the store inside its own.
            Err(theirs) => match find_ours(&theirs) {
                Some(ours) => ours.copy(),
                None => classify(theirs),
            },
        }
    }
}

impl From<ArrowError> for Error {
    fn from(error: ArrowError) -> Self {
        DataFusionError::from(error).into()
    }
}

/// So that `?` works inside DataFusion's traits.
impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

fn unwrap_datafusion(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => Ok(*ours),
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(nested) => unwrap_datafusion(*nested),
                Err(inner) => match inner.downcast::<ArrowError>() {
                    Ok(arrow) => unwrap_datafusion(DataFusionError::ArrowError(arrow, None)),
                    Err(inner) => Err(DataFusionError::External(inner)),
                },
            },
        },
        DataFusionError::ArrowError(arrow, trace) => match *arrow {
            ArrowError::ExternalError(inner) => unwrap_datafusion(DataFusionError::External(inner)),
            arrow => Err(DataFusionError::ArrowError(Box::new(arrow), trace)),
        },
        DataFusionError::Context(text, inner) => {
            unwrap_datafusion(*inner).map_err(|inner| DataFusionError::Context(text, Box::new(inner)))
        }
        DataFusionError::Diagnostic(diagnostic, inner) => {
            unwrap_datafusion(*inner).map_err(|inner| DataFusionError::Diagnostic(diagnostic, Box::new(inner)))
        }
        // A stream that several partitions wait for hands out clones of one error.
        DataFusionError::Shared(shared) => match std::sync::Arc::try_unwrap(shared) {
            Ok(inner) => unwrap_datafusion(inner),
            Err(shared) => match find_ours(&shared) {
                Some(ours) => Ok(ours.copy()),
                None => Err(DataFusionError::Shared(shared)),
            },
        },
        other => Err(other),
    }
}

fn find_ours<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return Some(ours);
        }
        next = error.source();
    }
    None
}

impl Error {
    /// The same error without its cause as a value; the cause's words are kept.
    fn copy(&self) -> Self {
        let mut copy = Error::new(self.kind(), self.message());
        copy.0.context = self.0.context.clone();
        copy.0.location = self.0.location.clone();
        copy.0.hint = self.0.hint.clone();
        copy.0.retryable = self.0.retryable;
        if let Some(source) = &self.0.source {
            copy.0.source = Some(source.to_string().into());
        }
        copy
    }
}

fn classify(error: DataFusionError) -> Error {
    let text = error.strip_backtrace();
    match error.find_root() {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => no_column(field, valid_fields),
            _ => Error::new(ErrorKind::Sql, tidy(&text)),
        },
        DataFusionError::Plan(text) if missing_table(text).is_some() => {
            let table = missing_table(text).unwrap_or_default();
            Error::new(ErrorKind::Sql, format!("there is no table `{table}`")).hint("`SHOW TABLES` lists what there is")
        }
        // What wraps it names passes of the planner.
        root @ (DataFusionError::SQL(..) | DataFusionError::Plan(_)) => {
            Error::new(ErrorKind::Sql, tidy(&root.strip_backtrace()))
        }
        DataFusionError::ResourcesExhausted(_) => Error::new(ErrorKind::Resources, tidy(&text))
            .hint("give more memory with --memory, or a larger disk for spilling with TMPDIR"),
        DataFusionError::ObjectStore(store) => from_store(store).source(text),
        DataFusionError::ParquetError(_) => Error::new(ErrorKind::Data, tidy(&text)),
        // Inputs and outputs are object stores to DataFusion: what it opens as a file of its own is what it spills.
        DataFusionError::IoError(io) => of_spilling(io, &text),
        DataFusionError::ArrowError(arrow, _) => match os_error(arrow) {
            Some(io) => of_spilling(io, &text),
            None => Error::new(ErrorKind::Data, tidy(&text)),
        },
        DataFusionError::Execution(_) => Error::new(ErrorKind::Data, tidy(&text)),
        _ => Error::new(ErrorKind::Internal, tidy(&text)),
    }
}

fn of_spilling(io: &std::io::Error, text: &str) -> Error {
    if io.kind() == std::io::ErrorKind::StorageFull {
        return Error::new(ErrorKind::Resources, tidy(text))
            .hint("free some disk space, or point TMPDIR to a larger disk");
    }
    Error::new(ErrorKind::Resources, "a temporary file could not be written or read")
        .source(io.to_string())
        .hint("check the folder for temporary files (TMPDIR)")
}

/// What the operating system refused; not what a reader found wrong with the bytes.
fn os_error(arrow: &ArrowError) -> Option<&std::io::Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = match arrow {
        ArrowError::IoError(_, io) => Some(io),
        _ => None,
    };
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>().filter(|io| io.raw_os_error().is_some()) {
            return Some(io);
        }
        next = error.source();
    }
    None
}

/// `table 'datafusion.public.orders' not found`, without what names our own catalog.
fn missing_table(text: &str) -> Option<&str> {
    let name = text.strip_prefix("table '")?.strip_suffix("' not found")?;
    let name = name.strip_prefix("datafusion.").unwrap_or(name);
    Some(name.strip_prefix("public.").unwrap_or(name))
}

/// A column that a query names and no table of it has. Columns of our own making (`amount#text`) are not offered.
fn no_column(field: &Column, valid: &[Column]) -> Error {
    let error = Error::new(ErrorKind::Sql, format!("there is no column `{}`", field.flat_name().replace('"', "")));
    let mut names: Vec<&str> = valid.iter().map(|column| column.name()).filter(|name| !name.contains('#')).collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(*name));
    let distance = |name: &str| strsim::damerau_levenshtein(&field.name().to_lowercase(), &name.to_lowercase());
    let near =
        names.iter().copied().min_by_key(|name| distance(name)).filter(|name| distance(name) <= name.len() / 3 + 1);
    match near {
        Some(near) if near.chars().any(char::is_uppercase) => {
            error.hint(format!("did you mean \"{near}\"? A name with capitals stands in double quotes"))
        }
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => error.hint("name the table that the column stands in after FROM"),
        None => {
            let shown = names.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let more = if names.len() > 12 { format!(" and {} more", names.len() - 12) } else { String::new() };
            error.hint(format!("the columns are {shown}{more}"))
        }
    }
}

/// The class of an object store's error; the caller adds what it was doing.
pub fn from_store(error: &object_store::Error) -> Error {
    use object_store::Error as Store;
    match error {
        Store::NotFound { path, .. } => Error::new(ErrorKind::NotFound, format!("there is no object at {path}")),
        Store::PermissionDenied { path, .. } | Store::Unauthenticated { path, .. } => {
            Error::new(ErrorKind::Permission, format!("access to {path} is refused"))
                .hint("check the credentials and the rights on this path")
        }
        Store::Precondition { path, .. } => Error::new(ErrorKind::Changed, format!("{path} changed while it was read"))
            .hint("run again once the input is no longer written to"),
        _ => Error::new(ErrorKind::Data, "the object store answered with an error"),
    }
}

/// DataFusion's own prefixes tell a user nothing.
fn tidy(text: &str) -> String {
    let mut text = text.trim();
    for prefix in [
        "External error: ",
        "Error during planning: ",
        "Execution error: ",
        "SQL error: ",
        "Arrow error: ",
        "Schema error: ",
    ] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    text.to_string()
}
