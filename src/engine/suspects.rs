//! Suspects: a set of key hashes whose rows may differ, of a fixed size however many they are.
//!
//! One bit stands for many hashes, so the set may hold more than was marked, never less: rows that pass by chance are
//! compared by value and found equal. Where only some of a key's rows are fetched, the set holds nothing by chance.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::arrow::array::{BooleanArray, UInt64Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_uint64_array;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::error::{Error, ErrorKind};

#[derive(Debug)]
pub struct Suspects {
    bits: Vec<AtomicU64>,
    shift: u32,
    /// All of them, in order, where no other may pass.
    exactly: Option<Vec<u64>>,
}

impl Suspects {
    /// Four to eight bits a row: between 8 KiB and 32 MiB.
    pub fn for_rows(rows: u64) -> Self {
        let log = (64 - (rows * 4).max(1).leading_zeros()).clamp(16, 28);
        Self { bits: (0..1usize << (log - 6)).map(|_| AtomicU64::new(0)).collect(), shift: 64 - log, exactly: None }
    }

    /// These hashes and no others.
    pub fn exactly(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        let bits = Self::for_rows(hashes.len() as u64);
        hashes.iter().for_each(|hash| bits.mark(*hash));
        Self { exactly: Some(hashes), ..bits }
    }

    /// Every hash.
    pub fn all() -> Self {
        let all = Self::for_rows(0);
        all.bits.iter().for_each(|bits| bits.store(u64::MAX, Relaxed));
        all
    }

    /// Whether any hash of each of `count` equal shares of all hashes is marked; `count` is a power of two.
    pub fn marked(&self, count: usize) -> Vec<bool> {
        let words = (self.bits.len() / count).max(1);
        self.bits.chunks(words).map(|bits| bits.iter().any(|bits| bits.load(Relaxed) != 0)).collect()
    }

    pub fn bytes(&self) -> usize {
        self.bits.len() * 8
    }

    pub fn mark(&self, hash: u64) {
        let bit = hash >> self.shift;
        self.bits[(bit >> 6) as usize].fetch_or(1 << (bit & 63), Relaxed);
    }

    pub fn may_contain(&self, hash: u64) -> bool {
        let bit = hash >> self.shift;
        self.bits[(bit >> 6) as usize].load(Relaxed) & (1 << (bit & 63)) != 0
            && self.exactly.as_ref().is_none_or(|hashes| hashes.binary_search(&hash).is_ok())
    }
}

/// The suspects, once they are known: a plan that asks for them is made before.
#[derive(Debug, Default)]
pub struct Known(RwLock<Option<Arc<Suspects>>>);

impl Known {
    pub fn set(&self, suspects: Arc<Suspects>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(suspects);
    }

    fn get(&self) -> Option<Arc<Suspects>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `is_suspect(hash)` as a function of DataFusion, so that its optimizer moves the test next to the scan.
///
/// `mask`: the bits of the hash that count.
pub fn is_suspect(suspects: Arc<Known>, mask: u64) -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::UInt64], Volatility::Immutable);
    ScalarUDF::from(IsSuspect { suspects, mask, signature })
}

#[derive(Debug)]
struct IsSuspect {
    suspects: Arc<Known>,
    mask: u64,
    signature: Signature,
}

impl PartialEq for IsSuspect {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.suspects, &other.suspects)
    }
}

impl Eq for IsSuspect {}

impl std::hash::Hash for IsSuspect {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.suspects).hash(state);
    }
}

impl ScalarUDFImpl for IsSuspect {
    fn name(&self) -> &str {
        "is_suspect"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let hashes = args.args[0].to_array(args.number_rows)?;
        let hashes: &UInt64Array = as_uint64_array(&hashes)?;
        let Some(suspects) = self.suspects.get() else {
            return Err(Error::new(ErrorKind::Internal, "rows are fetched before it is known which").into());
        };
        let hashes = hashes.values();
        let found = BooleanBuffer::collect_bool(hashes.len(), |row| suspects.may_contain(hashes[row] & self.mask));
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(found, None))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_pass_only_where_they_may() {
        let (hash, neighbour) = (7 << 40, (7 << 40) + 1);
        let some = Suspects::for_rows(1);
        some.mark(hash);
        assert!(some.may_contain(hash) && some.may_contain(neighbour));
        let exactly = Suspects::exactly(vec![u64::MAX, hash]);
        assert!(exactly.may_contain(hash) && exactly.may_contain(u64::MAX));
        assert!(!exactly.may_contain(neighbour) && !exactly.may_contain(0));
        assert_eq!(exactly.marked(2), [true, true]);
    }
}
