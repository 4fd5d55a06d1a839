//! Work for several threads: numbered pieces, each taken by whoever is free.
//!
//! Which thread takes which piece is chance, so what it makes of them must not depend on that. It
//! knows nothing of what the pieces are.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};

/// Deals the pieces `0..count` out to so many threads, this one among them. Each begins with `new`
/// and lets `take` add a piece to it; what each has at the end comes back.
pub(super) fn share_out<T: Send>(
    count: u64,
    threads: NonZeroUsize,
    new: impl Fn() -> T + Sync,
    take: impl Fn(&mut T, u64) + Sync,
) -> Vec<T> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut part = new();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if count <= piece {
                return part;
            }
            take(&mut part, piece);
        }
    };
    let helpers = (threads.get() as u64).min(count).saturating_sub(1);
    thread::scope(|scope| {
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()];
        parts.extend(helpers.into_iter().map(joined));
        parts
    })
}

/// The results of two pieces of work that are done at the same time.
pub(super) fn both<A, B: Send>(
    here: impl FnOnce() -> A,
    there: impl FnOnce() -> B + Send,
) -> (A, B) {
    thread::scope(|scope| {
        let other = scope.spawn(there);
        (here(), joined(other))
    })
}

/// What a thread found. A panic there is a bug of this program, and a panic here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_taken_once_however_many_threads_there_are() {
        for (count, threads) in [(0, 3), (1, 1), (7, 1), (7, 3), (2, 9)] {
            let threads = NonZeroUsize::new(threads).expect("there is a thread");
            let parts = share_out(count, threads, Vec::new, Vec::push);
            let mut pieces: Vec<u64> = parts.into_iter().flatten().collect();
            pieces.sort_unstable();
            assert_eq!(pieces, (0..count).collect::<Vec<_>>());
        }
    }
}
