//! The memory pool: what sorts need to go on is set aside for each of them.
//!
//! DataFusion's `FairSpillPool` shares memory evenly among what can spill, and gives the rest to whoever asks first. A
//! merge of spilled runs asks for as many runs as it can get, so the first of a few sorts that merge at once may take
//! all, and the next one fails for want of half a megabyte. Here each sort and each merge has a floor that is its own
//! from the moment it is registered; above the floors, it is `FairSpillPool`'s rule.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
};

/// What DataFusion's external sort calls the consumer that merges its runs. It can't spill, but it takes less when it
/// is given less: fewer runs at once, shorter batches.
const MERGE: &str = "ExternalSorterMerge";

#[derive(Debug)]
pub struct FloorPool {
    /// Bytes that may be held. Floors are kept even where that goes beyond it, by a floor for each consumer that came
    /// after the others had taken all.
    size: usize,
    /// Bytes that each consumer that can spill, and each merge, can always have.
    floor: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many consumers can spill.
    spillers: usize,
    /// Bytes that those hold.
    spillable: usize,
    /// Bytes that each merge holds, by the consumer's id.
    merges: HashMap<usize, usize>,
    /// Bytes that anything else holds.
    other: usize,
}

impl FloorPool {
    pub fn new(size: usize, floor: usize) -> Self {
        Self { size, floor, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Numbers only, each changed in one step: a panic elsewhere leaves none half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that are gone for good or set aside: nothing that can spill is to count on them.
    fn fixed(&self, state: &State) -> usize {
        state.other + state.merges.values().map(|held| self.floor.max(*held)).sum::<usize>()
    }

    fn refused(&self, reservation: &MemoryReservation, additional: usize, available: usize) -> Result<()> {
        Err(resources_datafusion_err!(
            "Failed to allocate additional {} for {} with {} already allocated for this reservation - {} remain available for the total memory pool: {self}",
            human_readable_size(additional),
            reservation.consumer().name(),
            human_readable_size(reservation.size()),
            human_readable_size(available)
        ))
    }
}

impl State {
    /// The bytes that count what this consumer holds.
    fn held(&mut self, consumer: &MemoryConsumer) -> &mut usize {
        match self.merges.get_mut(&consumer.id()) {
            Some(held) => held,
            None if consumer.can_spill() => &mut self.spillable,
            None => &mut self.other,
        }
    }
}

impl MemoryPool for FloorPool {
    fn name(&self) -> &str {
        "floor"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        let mut state = self.state();
        if consumer.can_spill() {
            state.spillers += 1;
        } else if consumer.name().starts_with(MERGE) {
            state.merges.insert(consumer.id(), 0);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        let mut state = self.state();
        if consumer.can_spill() {
            state.spillers = state.spillers.saturating_sub(1);
        }
        state.merges.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        *self.state().held(reservation.consumer()) += additional;
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        *self.state().held(reservation.consumer()) -= shrink;
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut state = self.state();
        let consumer = reservation.consumer();
        let fixed = self.fixed(&state);
        if consumer.can_spill() {
            let share = self.size.saturating_sub(fixed) / state.spillers.max(1);
            let share = share.max(self.floor);
            if reservation.size() + additional > share {
                return self.refused(reservation, additional, share.saturating_sub(reservation.size()));
            }
        } else {
            let available = match state.merges.get(&consumer.id()) {
                // What is within a merge's floor is set aside already; beyond it, a merge leaves the others theirs.
                Some(held) => {
                    let spillable = state.spillable.max(state.spillers * self.floor);
                    self.floor.saturating_sub(*held) + self.size.saturating_sub(fixed + spillable)
                }
                None => self.size.saturating_sub(fixed + state.spillable),
            };
            if additional > available {
                return self.refused(reservation, additional, available);
            }
        }
        *state.held(consumer) += additional;
        Ok(())
    }

    fn reserved(&self) -> usize {
        let state = self.state();
        state.spillable + state.other + state.merges.values().sum::<usize>()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.size)
    }
}

impl fmt::Display for FloorPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(pool_size: {})", self.name(), human_readable_size(self.size))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn pool() -> Arc<dyn MemoryPool> {
        Arc::new(FloorPool::new(1000, 100))
    }

    fn sort(pool: &Arc<dyn MemoryPool>, id: usize) -> (MemoryReservation, MemoryReservation) {
        let sorter = MemoryConsumer::new(format!("ExternalSorter[{id}]")).with_can_spill(true).register(pool);
        (sorter, MemoryConsumer::new(format!("{MERGE}[{id}]")).register(pool))
    }

    #[test]
    fn a_merge_leaves_what_others_need() {
        let pool = pool();
        let (one, two) = (sort(&pool, 1), sort(&pool, 2));
        // 1000 without the floors of both sorts and of the other merge.
        assert!(one.1.try_grow(701).is_err());
        one.1.try_grow(700).unwrap();
        assert!(one.1.try_grow(1).is_err());
        for reservation in [&two.1, &one.0, &two.0] {
            reservation.try_grow(100).unwrap();
            assert!(reservation.try_grow(1).is_err());
        }
        assert_eq!(pool.reserved(), 1000);
    }

    #[test]
    fn a_sort_that_comes_late_has_its_floor() {
        let pool = pool();
        let hash_table = MemoryConsumer::new("HashJoinInput").register(&pool);
        hash_table.try_grow(1000).unwrap();
        let (sorter, merge) = sort(&pool, 1);
        sorter.try_grow(100).unwrap();
        merge.try_grow(100).unwrap();
        assert!(sorter.try_grow(1).is_err() && merge.try_grow(1).is_err() && hash_table.try_grow(1).is_err());
    }

    #[test]
    fn what_can_spill_shares_evenly_what_is_not_set_aside() {
        let pool = pool();
        let (one, two) = (sort(&pool, 1), sort(&pool, 2));
        one.0.try_grow(400).unwrap();
        assert!(one.0.try_grow(1).is_err());
        two.0.try_grow(400).unwrap();
        // A sort in memory gives away what its merge takes.
        for _ in 0..4 {
            one.0.shrink(100);
            one.1.try_grow(100).unwrap();
        }
        drop(two);
        one.0.try_grow(600).unwrap();
        assert!(one.0.try_grow(1).is_err());
    }

    #[test]
    fn what_is_given_back_is_there_again() {
        let pool = pool();
        let (sorter, merge) = sort(&pool, 1);
        merge.try_grow(900).unwrap();
        sorter.try_grow(50).unwrap();
        drop((sorter, merge));
        assert_eq!(pool.reserved(), 0);
        MemoryConsumer::new("anything").register(&pool).try_grow(1000).unwrap();
    }
}
