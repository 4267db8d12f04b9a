//! The pool: loops over ranges whose parts several threads may run.
//!
//! One loop runs at a time, on one job slot. Its parts are dealt from a counter, the caller takes
//! part, and it waits only for workers that hold a part, so a worker that is late costs nothing. An
//! idle worker watches for the next loop for some 50 us before it sleeps. Threads are started by the
//! program that embeds the core, when a loop first wants them: in a build without threads nobody is
//! asked and every loop runs where it is called. Bodies may touch plain memory only: tensors, the
//! tape and the pool of blocks belong to the main thread.

use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::*};
use std::sync::{Mutex, OnceLock};
use std::thread::{current, park, park_timeout, Thread};
use std::time::Duration;

/// A value that bodies may hold though it is an address.
#[derive(Clone, Copy)]
pub struct Shared<T>(pub T);
// SAFETY: whoever wraps an address says that the parts of the loop use it apart from each other.
unsafe impl<T> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<T> {}
impl<T: Copy> Shared<T> {
    /// The value.
    #[inline(always)]
    pub fn get(&self) -> T {
        self.0
    }
}

/// The loop that runs: its body, how many rounds it has, how many make a part.
struct Job {
    run: unsafe fn(*const (), Range<usize>),
    body: *const (),
    n: usize,
    part: usize,
    caller: Option<Thread>,
}
struct Slot(UnsafeCell<Job>);
// SAFETY: written by the owner while the counter is closed, read by those who hold a part.
unsafe impl Sync for Slot {}

static JOB: Slot = Slot(UnsafeCell::new(Job { run: |_, _| (), body: std::ptr::null(), n: 0, part: 1, caller: None }));
/// Whether the slot is taken.
static OWNED: AtomicBool = AtomicBool::new(false);
/// The next part, or from `CLOSED` on if there is none.
static NEXT: AtomicUsize = AtomicUsize::new(CLOSED);
const CLOSED: usize = 1 << 30;
/// Changes with each loop: what idle workers watch.
static ROUND: AtomicU32 = AtomicU32::new(0);
/// Workers that may hold a part.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
/// Whether the caller sleeps until none is active.
static WAITING: AtomicBool = AtomicBool::new(false);
/// Workers that sleep, or are about to.
static SLEEPING: AtomicUsize = AtomicUsize::new(0);
static WORKERS: Mutex<Vec<Thread>> = Mutex::new(Vec::new());
/// Threads that loops may use, the caller's own among them.
static THREADS: AtomicUsize = AtomicUsize::new(1);
/// Threads that were asked for, the caller's own among them.
static STARTED: AtomicUsize = AtomicUsize::new(1);
static FAILED: AtomicBool = AtomicBool::new(false);
static START: OnceLock<Start> = OnceLock::new();

/// Looks at the counter before a worker sleeps, about 50 us.
const WATCH: u32 = 20_000;
/// Looks before the caller sleeps.
const CALLER_WATCH: u32 = 2_000;

struct Start {
    start: fn(usize),
    may_sleep: bool,
}

thread_local! {
    /// Whether this thread runs parts already: loops inside stay on it.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Says who starts threads: `start` is asked for more, each of which calls `work`. In a place
/// where the caller must not sleep (a page's main thread) it watches instead.
pub fn on_demand(start: fn(usize), may_sleep: bool) {
    let _ = START.set(Start { start, may_sleep });
}

/// Sets how many threads a loop may use.
pub fn set_threads(n: usize) {
    THREADS.store(n.max(1), Relaxed);
}

/// How many threads a loop may use.
pub fn threads() -> usize {
    THREADS.load(Relaxed)
}

/// How many threads a loop that started now would use.
pub fn available() -> usize {
    if START.get().is_none() || INSIDE.get() { 1 } else { threads() }
}

/// Whether a worker has failed, and nobody has been told.
#[inline]
pub fn has_failed() -> bool {
    FAILED.load(Relaxed)
}

/// The same; the next question is about later ones.
#[inline]
pub fn take_failure() -> bool {
    has_failed() && FAILED.swap(false, SeqCst)
}

/// Runs `body` on parts that make up `0..n`, each of at least `grain` rounds unless it is the
/// last. What a round computes must not depend on how they are parted.
pub fn parallel_for<F: Fn(Range<usize>) + Sync>(n: usize, grain: usize, body: F) {
    unsafe fn run<F: Fn(Range<usize>)>(body: *const (), range: Range<usize>) {
        // SAFETY: `body` is the closure of the loop below, which outlives its parts.
        unsafe { (*body.cast::<F>())(range) }
    }
    // SAFETY: `run` fits the body, which lives until all parts are done.
    unsafe { share(n, grain.max(1), run::<F>, (&raw const body).cast()) }
}

/// `parallel_for` for every body: compiled once, and the body too.
///
/// # Safety
/// `run` must fit `body`.
#[inline(never)]
unsafe fn share(n: usize, grain: usize, run: unsafe fn(*const (), Range<usize>), body: *const ()) {
    if n <= grain || available() == 1 || OWNED.swap(true, Acquire) {
        if n > 0 {
            // SAFETY: the caller's promise.
            unsafe { run(body, 0..n) }
        }
        return;
    }
    let threads = threads();
    if STARTED.load(Relaxed) < threads {
        if let Some(start) = START.get() {
            (start.start)(threads - STARTED.swap(threads, Relaxed));
        }
    }
    let part = grain.max(n.div_ceil(4 * threads));
    // SAFETY: the slot is ours, and the counter is closed.
    unsafe {
        *JOB.0.get() = Job { run, body, n, part, caller: Some(current()) };
    }
    NEXT.store(0, SeqCst);
    ROUND.fetch_add(1, SeqCst);
    if SLEEPING.load(SeqCst) > 0 {
        // A worker that is just starting holds the list: it is awake.
        if let Ok(workers) = WORKERS.try_lock() {
            workers.iter().take(threads - 1).for_each(Thread::unpark);
        }
    }
    INSIDE.set(true);
    // Waits for the parts of others, also if a part of our own panics.
    struct Close;
    impl Drop for Close {
        fn drop(&mut self) {
            NEXT.store(CLOSED, SeqCst);
            wait();
            INSIDE.set(false);
            OWNED.store(false, Release);
        }
    }
    let _close = Close;
    take_parts();
}

/// Runs parts until there is none.
fn take_parts() {
    loop {
        let i = NEXT.fetch_add(1, SeqCst);
        if i >= CLOSED {
            return;
        }
        // SAFETY: the counter is open, so the slot was written before and stays until we are done.
        let job = unsafe { &*JOB.0.get() };
        let Some(first) = i.checked_mul(job.part).filter(|&first| first < job.n) else { return };
        // SAFETY: the body lives until the caller has waited for us.
        unsafe { (job.run)(job.body, first..(first + job.part).min(job.n)) };
    }
}

/// Waits until no worker holds a part.
fn wait() {
    for _ in 0..CALLER_WATCH {
        if ACTIVE.load(SeqCst) == 0 {
            return;
        }
        std::hint::spin_loop();
    }
    let may_sleep = START.get().is_some_and(|s| s.may_sleep);
    WAITING.store(true, SeqCst);
    while ACTIVE.load(SeqCst) > 0 {
        // The last worker may miss that we wait: look again soon.
        if may_sleep { park_timeout(Duration::from_millis(1)) } else { std::hint::spin_loop() }
    }
    WAITING.store(false, SeqCst);
}

/// One worker leaves the loop.
fn leave() {
    let caller = if WAITING.load(SeqCst) {
        // SAFETY: we are still counted as active, so the slot stays.
        unsafe { (*JOB.0.get()).caller.clone() }
    } else {
        None
    };
    if ACTIVE.fetch_sub(1, SeqCst) == 1 {
        if let Some(caller) = caller {
            caller.unpark();
        }
    }
}

/// The life of a worker: it runs parts of loops, and never returns.
pub fn work() {
    INSIDE.set(true);
    let me = {
        let mut workers = WORKERS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        workers.push(current());
        workers.len()
    };
    // The loop for which threads were started may still run.
    let mut seen = ROUND.load(SeqCst).wrapping_sub(1);
    loop {
        let mut looks = 0;
        while ROUND.load(SeqCst) == seen {
            looks += 1;
            if looks < WATCH {
                std::hint::spin_loop();
                continue;
            }
            SLEEPING.fetch_add(1, SeqCst);
            if ROUND.load(SeqCst) == seen {
                park();
            }
            SLEEPING.fetch_sub(1, SeqCst);
        }
        seen = ROUND.load(SeqCst);
        if me >= threads() {
            continue;
        }
        ACTIVE.fetch_add(1, SeqCst);
        if std::panic::catch_unwind(take_parts).is_err() {
            FAILED.store(true, SeqCst);
        }
        leave();
    }
}

/// Called for a worker that ended in the middle of a part.
pub fn worker_failed() {
    FAILED.store(true, SeqCst);
    leave();
}
