//! The pool: loops over ranges whose parts several threads may run.
//!
//! One loop runs at a time, on one job slot. Each thread takes parts from a place of its own on, the
//! same in every loop, so that what it wrote in one loop lies in its own cache in the next; it then
//! takes what others have left. The caller takes part, and waits only for workers that hold a part,
//! so a worker that is late costs nothing. One that was interrupted in a part (other programs want
//! its core) keeps the caller waiting: loops then run on the caller alone for a while. An idle
//! worker watches for the next loop for some 50 us before it sleeps. Threads are started by the
//! program that embeds the core, when a loop first wants them: in a build without threads nobody is
//! asked and every loop runs where it is called. Bodies may touch plain memory only: tensors, the
//! tape and the pool of blocks belong to the main thread.

use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{current, park, Thread};

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
}
struct Slot(UnsafeCell<Job>);
// SAFETY: written by the owner while the counter is closed, read by those who hold a part.
unsafe impl Sync for Slot {}

static JOB: Slot = Slot(UnsafeCell::new(Job { run: |_, _| (), body: std::ptr::null(), n: 0, part: 1 }));
/// Whether the slot is taken.
static OWNED: AtomicBool = AtomicBool::new(false);
/// A bit for each part that is taken, or that the loop does not have: all of them between loops.
static TAKEN: AtomicU64 = AtomicU64::new(u64::MAX);
/// As many parts as there are bits.
const MOST_PARTS: usize = u64::BITS as usize;
/// How many parts the loop has: tells a thread where to begin, so an old number does no harm.
static PARTS: AtomicUsize = AtomicUsize::new(1);
/// Changes with each loop: what idle workers watch.
static ROUND: AtomicU32 = AtomicU32::new(0);
/// Workers that may hold a part.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
/// Whether the caller sleeps until none is active, and who that is.
static WAITING: AtomicBool = AtomicBool::new(false);
static CALLER: Mutex<Option<Thread>> = Mutex::new(None);
/// Workers that sleep, or are about to.
static SLEEPING: AtomicUsize = AtomicUsize::new(0);
static WORKERS: Mutex<Vec<Thread>> = Mutex::new(Vec::new());
/// Threads that loops may use, the caller's own among them.
static THREADS: AtomicUsize = AtomicUsize::new(1);
/// Threads that were asked for, the caller's own among them.
static STARTED: AtomicUsize = AtomicUsize::new(1);
static FAILED: AtomicBool = AtomicBool::new(false);
/// The bits of the time until which loops run on the caller alone.
static ALONE_UNTIL: AtomicU64 = AtomicU64::new(0);
/// How many times as long as a worker kept the caller waiting loops then run without workers. Twice as
/// many if it happens again soon, since the core is wanted by a program that stays; fewer if it does not.
static PATIENCE: AtomicU32 = AtomicU32::new(LEAST_PATIENCE);
const LEAST_PATIENCE: u32 = 2;
const MOST_PATIENCE: u32 = 32;
/// A shorter wait, in milliseconds, is no other program: that would have got more of the core.
const SHORTEST_BREAK: f64 = 0.2;
static START: OnceLock<Start> = OnceLock::new();

/// Looks before a worker or the caller sleeps, about 50 us.
const WATCH: u32 = 20_000;

struct Start {
    start: fn(usize),
    may_sleep: bool,
    now: fn() -> f64,
}

thread_local! {
    /// Whether this thread runs parts already: loops inside stay on it.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Says who starts threads: `start` is asked for more, each of which calls `work`. In a place
/// where the caller must not sleep (a page's main thread) it watches instead. `now` is a clock in
/// milliseconds.
pub fn on_demand(start: fn(usize), may_sleep: bool, now: fn() -> f64) {
    let _ = START.set(Start { start, may_sleep, now });
}

/// Threads of the system, for programs that need no other.
#[cfg(not(target_family = "wasm"))]
pub fn native(now: fn() -> f64) {
    on_demand(|n| (0..n).for_each(|_| drop(std::thread::spawn(work))), true, now);
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

/// Elements that a part of a loop holds at least, by what is done with them. A part of 5 to 10 us is worth
/// handing over: that takes 3 us, and what is written goes from one core's cache to the other's.
pub mod grain {
    /// Some arithmetic for each: about 0.5 ns.
    pub const COMPUTED: usize = 1 << 14;
    /// Read, written and little else: about 0.1 ns.
    pub const MOVED: usize = 1 << 16;
    /// Read and summed: about 0.03 ns.
    pub const READ: usize = 1 << 18;

    /// The same counted in rounds of so many elements.
    pub fn rounds(grain: usize, elements: usize) -> usize {
        (grain / elements.max(1)).max(1)
    }
}

/// Runs `body` on parts that make up `0..n`, each of about `grain` rounds or more. What a round
/// computes must not depend on how they are parted.
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
    // No time is earlier than 0: such loops run on the caller too.
    let begun = if n / grain > 1 && available() > 1 { now() } else { 0.0 };
    if begun <= f64::from_bits(ALONE_UNTIL.load(Relaxed)) || OWNED.swap(true, Acquire) {
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
    let part = n.div_ceil(MOST_PARTS.min(4 * threads).min(n / grain));
    let parts = n.div_ceil(part);
    // SAFETY: the slot is ours, and no part can be taken.
    unsafe {
        *JOB.0.get() = Job { run, body, n, part };
    }
    PARTS.store(parts, Relaxed);
    TAKEN.store(u64::MAX.checked_shl(parts as u32).unwrap_or(0), SeqCst);
    ROUND.fetch_add(1, SeqCst);
    if SLEEPING.load(SeqCst) > 0 {
        // A worker that is just starting holds the list: it is awake.
        if let Ok(workers) = WORKERS.try_lock() {
            workers.iter().take(threads - 1).for_each(Thread::unpark);
        }
    }
    INSIDE.set(true);
    // Waits for the parts of others, also if a part of our own panics.
    struct Close {
        begun: f64,
    }
    impl Drop for Close {
        fn drop(&mut self) {
            TAKEN.store(u64::MAX, SeqCst);
            wait(self.begun);
            INSIDE.set(false);
            OWNED.store(false, Release);
        }
    }
    let _close = Close { begun };
    take_parts(0);
}

/// The time in milliseconds, by the clock of the program that embeds the core.
fn now() -> f64 {
    START.get().map_or(0.0, |s| (s.now)())
}

/// Runs parts until there is none: those of thread `me` first.
fn take_parts(me: usize) {
    let mut at = me * PARTS.load(Relaxed) / threads().max(me + 1);
    loop {
        let free = !TAKEN.load(SeqCst);
        if free == 0 {
            return;
        }
        let later = free & u64::MAX.checked_shl(at as u32).unwrap_or(0);
        let i = if later == 0 { free } else { later }.trailing_zeros() as usize;
        if TAKEN.fetch_or(1 << i, SeqCst) & 1 << i != 0 {
            continue;
        }
        // SAFETY: the part was free, so the slot was written before and stays until we are done.
        let job = unsafe { &*JOB.0.get() };
        let first = i * job.part;
        // SAFETY: the body lives until the caller has waited for us.
        unsafe { (job.run)(job.body, first..(first + job.part).min(job.n)) };
        at = i + 1;
    }
}

/// Waits until no worker holds a part of the loop that began at `begun`.
fn wait(begun: f64) {
    for _ in 0..WATCH {
        if ACTIVE.load(SeqCst) == 0 {
            return;
        }
        std::hint::spin_loop();
    }
    let done = now();
    let may_sleep = START.get().is_some_and(|s| s.may_sleep);
    if may_sleep {
        *lock(&CALLER) = Some(current());
        WAITING.store(true, SeqCst);
    }
    while ACTIVE.load(SeqCst) > 0 {
        if may_sleep { park() } else { std::hint::spin_loop() }
    }
    WAITING.store(false, SeqCst);
    let end = now();
    let waited = end - done;
    // A part takes less than all that we did: this one was interrupted.
    if waited > SHORTEST_BREAK.max(done - begun) {
        let last = f64::from_bits(ALONE_UNTIL.load(Relaxed));
        let patience = PATIENCE.load(Relaxed);
        let soon = last > 0.0 && done - last < 10.0 * waited;
        let patience = if soon { patience * 2 } else { patience / 2 }.clamp(LEAST_PATIENCE, MOST_PATIENCE);
        PATIENCE.store(patience, Relaxed);
        ALONE_UNTIL.store((end + f64::from(patience) * waited).to_bits(), Relaxed);
    }
}

/// One worker leaves the loop. It looks last whether the caller sleeps, who looks last whether it has left.
fn leave() {
    if ACTIVE.fetch_sub(1, SeqCst) == 1 && WAITING.load(SeqCst) {
        lock(&CALLER).iter().for_each(Thread::unpark);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The life of a worker: it runs parts of loops, and never returns.
pub fn work() {
    INSIDE.set(true);
    let me = {
        let mut workers = lock(&WORKERS);
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
        if std::panic::catch_unwind(|| take_parts(me)).is_err() {
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
