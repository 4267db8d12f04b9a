//! Profiles at the door.

use cresset_core::profile;
use std::fmt::Write;
use wasm_bindgen::prelude::*;

/// Begins a profile by a clock of milliseconds.
#[wasm_bindgen]
pub fn profile_start(clock: js_sys::Function, shapes: bool) {
    profile::start(Box::new(move || clock.call0(&JsValue::NULL).ok().and_then(|t| t.as_f64()).unwrap_or(0.0)), shapes);
}

/// Ends the profile: a line for each event with its depth, beginning, end, name and inputs, apart by tabs.
#[wasm_bindgen]
pub fn profile_stop() -> String {
    let mut out = String::new();
    for e in profile::stop() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{}\t{}\t{}\t{}\t{}", e.depth, e.begin, e.end, e.name.replace(['\t', '\n'], " "), e.inputs);
    }
    out
}

/// Notes that a stretch of the program begins.
#[wasm_bindgen]
pub fn profile_begin(name: &str) {
    if profile::enabled() {
        profile::begin(name, String::new);
    }
}

/// Notes that it has ended.
#[wasm_bindgen]
pub fn profile_end() {
    if profile::enabled() {
        profile::end();
    }
}
