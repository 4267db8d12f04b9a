//! What runs when: the ops, the nodes of backward passes and the named stretches of a profile.

use std::cell::{Cell, RefCell};

/// Something that began and ended while a profile was taken.
#[derive(Debug, Clone)]
pub struct Event {
    /// The op with PyTorch's `aten::`, the class of a node, or a name of the user's.
    pub name: String,
    /// What it was called on, if that was asked for.
    pub inputs: String,
    /// When it began and ended, by the clock of the profile.
    pub begin: f64,
    /// See `begin`.
    pub end: f64,
    /// How many others it ran inside of.
    pub depth: usize,
}

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static TAPE: RefCell<Tape> = const { RefCell::new(Tape { clock: None, shapes: false, events: Vec::new(), open: Vec::new() }) };
}

/// The profile that is being taken.
struct Tape {
    clock: Option<Box<dyn Fn() -> f64>>,
    shapes: bool,
    events: Vec<Event>,
    /// Places in `events` of what has not ended.
    open: Vec<usize>,
}

impl Tape {
    fn now(&self) -> f64 {
        self.clock.as_ref().map_or(0.0, |clock| clock())
    }
}

/// Begins a profile by this clock; with `shapes` it tells what ops are called on.
pub fn start(clock: Box<dyn Fn() -> f64>, shapes: bool) {
    TAPE.set(Tape { clock: Some(clock), shapes, events: Vec::new(), open: Vec::new() });
    ON.set(true);
}

/// Ends the profile; what has not ended ends now.
pub fn stop() -> Vec<Event> {
    ON.set(false);
    let mut tape = TAPE.replace(Tape { clock: None, shapes: false, events: Vec::new(), open: Vec::new() });
    let now = tape.now();
    for at in std::mem::take(&mut tape.open) {
        tape.events[at].end = now;
    }
    tape.events
}

/// Whether a profile is being taken.
#[inline]
pub fn enabled() -> bool {
    ON.get()
}

/// Notes that something begins.
pub fn begin(name: &str, inputs: impl FnOnce() -> String) {
    TAPE.with_borrow_mut(|tape| {
        let (begin, depth) = (tape.now(), tape.open.len());
        let inputs = if tape.shapes { inputs() } else { String::new() };
        tape.open.push(tape.events.len());
        tape.events.push(Event { name: name.into(), inputs, begin, end: begin, depth });
    });
}

/// Notes that what began last has ended.
pub fn end() {
    TAPE.with_borrow_mut(|tape| {
        if let Some(at) = tape.open.pop() {
            tape.events[at].end = tape.now();
        }
    });
}

/// Runs something as an event, if a profile is being taken.
#[inline]
pub fn timed<T>(name: impl FnOnce() -> String, inputs: impl FnOnce() -> String, run: impl FnOnce() -> T) -> T {
    if !enabled() {
        return run();
    }
    begin(&name(), inputs);
    let out = run();
    end();
    out
}
