//! The session: DataFusion's, with a memory pool, a folder to spill to, our functions and our datasets.

use std::sync::{Arc, OnceLock};

use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::TrackConsumersPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::dataset::Databases;
use crate::engine::pool::FloorPool;
use crate::engine::{Budget, BudgetLimits, Catalog, Engine, Params};
use crate::error::Result;
use crate::progress::Progress;
use crate::project::model::Project;

/// What a session may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes that the engine may hold; past it, it spills.
    pub memory: u64,
    /// Partitions that are worked on at once.
    pub threads: usize,
    /// Rows a batch.
    pub batch_rows: usize,
    /// Which bits of a key's hash count: all. Tests clear low bits, so that keys collide all the time.
    pub hash_mask: u64,
    /// Rows that a range of keys has at least, if it is to be zipped beside others. Tests take fewer.
    pub range_rows: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        Self { memory: default_memory(), threads, batch_rows: 8192, hash_mask: u64::MAX, range_rows: 50_000 }
    }
}

/// Half of what the machine, or the container, has.
pub fn default_memory() -> u64 {
    const UNKNOWN: u64 = 4 << 30;
    let Ok(mut system) = sysinfo::System::new() else { return UNKNOWN / 2 };
    system.refresh_memory();
    let total =
        system.cgroup_limits().map_or(system.total_memory(), |limits| limits.total_memory.min(system.total_memory()));
    (total / 2).max(64 << 20)
}

impl Engine {
    pub fn new(project: &Project, limits: &Limits, progress: Arc<Progress>, databases: Arc<Databases>) -> Result<Self> {
        let top = std::num::NonZeroUsize::new(3).unwrap_or(std::num::NonZeroUsize::MIN);
        // What no pool counts (decoding, buffers of readers and writers) gets its share, too; the other half of the
        // rest is the classifying statement's.
        let pool = usize::try_from(limits.memory / 8 * 3).unwrap_or(usize::MAX);
        let threads = limits.threads.max(1);
        // What each sort, and each merge of what it spilled, can count on: they must get on in a small pool, too.
        let floor = (pool / 16 / threads).clamp(1 << 19, 10 << 20);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(TrackConsumersPool::new(FloorPool::new(pool, floor), top)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory))
            .build_arc()?;
        let mut config = SessionConfig::new()
            .with_target_partitions(threads)
            .with_batch_size(limits.batch_rows.max(1))
            .with_information_schema(true)
            .with_create_default_catalog_and_schema(true);
        let options = config.options_mut();
        // 0.1 is a decimal, as an accountant means it, not the nearest float.
        options.sql_parser.parse_float_as_decimal = true;
        options.sql_parser.collect_spans = true;
        options.execution.sort_spill_reservation_bytes = floor;
        let ctx = SessionContext::new_with_config_rt(config, runtime);
        crate::sql::register(&ctx)?;
        let catalog = Catalog::register(&ctx, project, progress.clone(), databases)?;
        let budget = Budget::start(BudgetLimits::default(), progress.clone());
        Ok(Self {
            ctx,
            catalog,
            progress,
            memory: limits.memory,
            threads: limits.threads,
            hash_mask: limits.hash_mask,
            range_rows: limits.range_rows,
            cache: None,
            sums: OnceLock::new(),
            budget,
            params: Params::new(&project.params),
        })
    }
}
