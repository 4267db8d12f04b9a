//! The pool of threads at the door: who starts workers, and what a worker does.

use cresset_core::parallel;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = globalThis, js_name = __cresset_spawn)]
    fn spawn(count: usize);
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// Lets loops ask for workers.
#[wasm_bindgen]
pub fn pool_open(may_sleep: bool) {
    parallel::on_demand(spawn, may_sleep, now);
}

/// How many threads loops may use; and sets it where given.
#[wasm_bindgen]
pub fn pool_threads(n: Option<usize>) -> usize {
    if let Some(n) = n {
        parallel::set_threads(n);
    }
    parallel::threads()
}

/// The life of a worker.
#[wasm_bindgen]
pub fn pool_work() {
    parallel::work();
}

/// Says that this worker ended in the middle of its work.
#[wasm_bindgen]
pub fn pool_failed() {
    parallel::worker_failed();
}
