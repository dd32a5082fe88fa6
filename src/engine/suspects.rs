//! Suspects: a set of key hashes whose rows may differ, of a fixed size however many they are.
//!
//! One bit stands for many hashes, so the set may hold more than was marked, never less: rows that pass by chance are
//! compared by value and found equal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use datafusion::arrow::array::{BooleanArray, UInt64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_uint64_array;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

#[derive(Debug)]
pub struct Suspects {
    bits: Vec<AtomicU64>,
    shift: u32,
}

impl Suspects {
    /// Four to eight bits a row: between 8 KiB and 32 MiB.
    pub fn for_rows(rows: u64) -> Self {
        let log = (64 - (rows * 4).max(1).leading_zeros()).clamp(16, 28);
        Self { bits: (0..1usize << (log - 6)).map(|_| AtomicU64::new(0)).collect(), shift: 64 - log }
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
    }
}

/// `is_suspect(hash)` as a function of DataFusion, so that its optimizer moves the test next to the scan.
pub fn is_suspect(suspects: Arc<Suspects>) -> ScalarUDF {
    ScalarUDF::from(IsSuspect { suspects, signature: Signature::exact(vec![DataType::UInt64], Volatility::Immutable) })
}

#[derive(Debug)]
struct IsSuspect {
    suspects: Arc<Suspects>,
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
        let found: BooleanArray = hashes.values().iter().map(|hash| Some(self.suspects.may_contain(*hash))).collect();
        Ok(ColumnarValue::Array(Arc::new(found)))
    }
}
