//! A worker that was interrupted in its part is left out for a while.

use cresset_core::parallel;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::time::Duration;

static NOW: AtomicU64 = AtomicU64::new(1);

/// Whether a worker takes a part in one of so many loops; its part then takes `late` milliseconds by the clock.
fn helped(loops: usize, late: u64) -> bool {
    let (main, seen) = (std::thread::current().id(), AtomicBool::new(false));
    (0..loops).any(|_| {
        parallel::parallel_for(64, 1, |_| {
            if std::thread::current().id() == main {
                return std::thread::sleep(Duration::from_micros(50));
            }
            // Long enough for the caller to be waiting when the clock goes on.
            if !seen.swap(true, SeqCst) {
                std::thread::sleep(Duration::from_millis(50));
                NOW.fetch_add(late, SeqCst);
            }
        });
        seen.load(SeqCst)
    })
}

#[test]
fn a_late_worker_is_left_out_for_a_while() {
    parallel::native(|| NOW.load(SeqCst) as f64);
    parallel::set_threads(2);
    assert!(helped(1000, 0), "a worker helps");
    assert!(helped(1000, 100), "it was not late, and goes on");
    // It kept the caller waiting for 100 ms: twice that alone; four times after the next, which comes soon.
    for alone in [200, 400] {
        assert!(!helped(100, 0), "left out");
        NOW.fetch_add(alone - 1, SeqCst);
        assert!(!helped(100, 0), "still");
        NOW.fetch_add(2, SeqCst);
        assert!(helped(1000, 100), "no longer; late again");
    }
    NOW.fetch_add(800 + 1001, SeqCst);
    assert!(helped(1000, 100), "late after a long time");
    NOW.fetch_add(401, SeqCst);
    assert!(helped(1000, 0), "so that the time is shorter again");
}
