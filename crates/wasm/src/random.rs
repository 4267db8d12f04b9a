//! Generators of random numbers at the door; number 0 is the default one.

use crate::guard;
use cresset_core::random::{self, Generator};
use wasm_bindgen::prelude::*;

/// A new generator; its number.
#[wasm_bindgen]
pub fn generator_new(seed: u64) -> usize {
    random::add(Generator::new(seed))
}

/// Lets a generator go.
#[wasm_bindgen]
pub fn generator_remove(number: usize) {
    random::remove(number);
}

/// Makes ops draw from a generator; returns the one before.
#[wasm_bindgen]
pub fn generator_select(number: usize) -> usize {
    random::select(number)
}

/// `manual_seed` of the generator in use.
#[wasm_bindgen]
pub fn manual_seed(seed: u64) {
    random::manual_seed(seed);
}

/// The seed of the generator in use.
#[wasm_bindgen]
pub fn generator_seed() -> u64 {
    random::with_generator(|g| g.seed())
}

/// The state of the generator in use, as PyTorch saves it.
#[wasm_bindgen]
pub fn generator_save() -> Vec<u8> {
    random::with_generator(|g| g.save())
}

/// Puts a saved state into the generator in use.
#[wasm_bindgen]
pub fn generator_load(bytes: &[u8]) -> i32 {
    guard(|| {
        let loaded = Generator::load(bytes)?;
        random::with_generator(|g| *g = loaded);
        Ok(0)
    })
}
