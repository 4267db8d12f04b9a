//! Generators of random numbers: the Mersenne Twister (Matsumoto and Nishimura, 1998) as PyTorch
//! seeds it, reads it and saves it, and the table of the generators that JavaScript holds.

use crate::error::{Error, Result};
use std::cell::{Cell, RefCell};

const N: usize = 624;
const M: usize = 397;
/// Bytes of a saved state.
const STATE_BYTES: usize = 5056;

/// The state of mt19937, and the second number of the last pair of normal numbers.
#[derive(Clone)]
pub struct Generator {
    seed: u64,
    state: [u32; N],
    /// Draws until the state is renewed, and the place of the next one.
    left: usize,
    next: usize,
    spare: Option<f64>,
}

/// Numbers that are drawn together.
const TOGETHER: usize = 256;

#[inline(always)]
fn tempered(mut y: u32) -> u32 {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    y ^ (y >> 18)
}

impl Generator {
    /// A generator from a seed.
    pub fn new(seed: u64) -> Generator {
        let mut state = [0u32; N];
        state[0] = seed as u32;
        for i in 1..N {
            let last = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Generator { seed, state, left: 1, next: 0, spare: None }
    }

    /// The seed it was made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    fn renew(&mut self) {
        let s = &mut self.state;
        let twist = |a: u32, b: u32| {
            let y = (a & 0x8000_0000) | (b & 0x7fff_ffff);
            (y >> 1) ^ ((b & 1).wrapping_neg() & 0x9908_b0df)
        };
        for i in 0..N - M {
            s[i] = s[i + M] ^ twist(s[i], s[i + 1]);
        }
        for i in N - M..N - 1 {
            s[i] = s[i + M - N] ^ twist(s[i], s[i + 1]);
        }
        s[N - 1] = s[M - 1] ^ twist(s[N - 1], s[0]);
        self.left = N;
        self.next = 0;
    }

    /// 32 random bits.
    pub fn next32(&mut self) -> u32 {
        self.left -= 1;
        if self.left == 0 {
            self.renew();
        }
        let y = self.state[self.next];
        self.next += 1;
        tempered(y)
    }

    /// What so many calls of `next32` give, in vectors.
    fn fill32(&mut self, mut out: &mut [u32]) {
        while !out.is_empty() {
            // The draw that finds none left renews the state, and is not counted.
            let renewed = self.left == 1;
            if renewed {
                self.renew();
            }
            let n = out.len().min(self.left - usize::from(!renewed));
            let (now, rest) = out.split_at_mut(n);
            for (out, y) in now.iter_mut().zip(&self.state[self.next..self.next + n]) {
                *out = tempered(*y);
            }
            self.next += n;
            self.left -= n - usize::from(renewed);
            out = rest;
        }
    }

    /// One where `double` is less than `p`, else zero.
    pub fn trials(&mut self, p: f64, out: &mut [f32]) {
        let limit = (p * (1u64 << 53) as f64).ceil() as u64;
        let mut bits = [0; 2 * TOGETHER];
        for part in out.chunks_mut(TOGETHER) {
            let bits = &mut bits[..2 * part.len()];
            self.fill32(bits);
            for (x, pair) in part.iter_mut().zip(bits.chunks_exact(2)) {
                let drawn = u64::from(pair[0] & 0x1f_ffff) << 32 | u64::from(pair[1]);
                *x = f32::from(u8::from(drawn < limit));
            }
        }
    }

    /// What as many calls of `single` give.
    pub fn singles(&mut self, out: &mut [f32]) {
        let mut bits = [0; TOGETHER];
        for part in out.chunks_mut(TOGETHER) {
            let bits = &mut bits[..part.len()];
            self.fill32(bits);
            for (x, bits) in part.iter_mut().zip(bits) {
                *x = (*bits & ((1 << 24) - 1)) as i32 as f32 / (1u32 << 24) as f32;
            }
        }
    }

    /// 64 random bits.
    pub fn next64(&mut self) -> u64 {
        let high = u64::from(self.next32());
        high << 32 | u64::from(self.next32())
    }

    /// Uniform in `[0, 1)` with 53 bits.
    pub fn double(&mut self) -> f64 {
        (self.next64() & ((1 << 53) - 1)) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `[0, 1)` with 24 bits.
    pub fn single(&mut self) -> f32 {
        (self.next32() & ((1 << 24) - 1)) as f32 / (1u32 << 24) as f32
    }

    /// A normal number, one of a pair (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        if let Some(x) = self.spare.take() {
            return x;
        }
        let (u1, u2) = (self.double(), self.double());
        let r = (-2.0 * (-u2).ln_1p()).sqrt();
        let theta = 2.0 * std::f64::consts::PI * u1;
        self.spare = Some(r * theta.sin());
        r * theta.cos()
    }

    /// The bytes of `torch.get_rng_state()`.
    pub fn save(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(STATE_BYTES);
        out.extend(self.seed.to_le_bytes());
        out.extend((self.left as u32).to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend((self.next as u64).to_le_bytes());
        out.extend(self.state.iter().flat_map(|x| u64::from(*x).to_le_bytes()));
        out.extend(0f64.to_le_bytes());
        out.extend(self.spare.unwrap_or(0.0).to_le_bytes());
        out.extend(0f64.to_le_bytes());
        out.extend(u32::from(self.spare.is_some()).to_le_bytes());
        // Padding, and the pair in single precision, which no CPU op uses.
        out.resize(STATE_BYTES, 0);
        out
    }

    /// A generator from such bytes.
    pub fn load(bytes: &[u8]) -> Result<Generator> {
        let invalid = || Error::runtime("Invalid mt19937 state");
        let word = |at: usize| {
            let part = bytes.get(at..at + 8).and_then(|b| b.try_into().ok());
            part.map(u64::from_le_bytes).ok_or_else(invalid)
        };
        if bytes.len() != STATE_BYTES && bytes.len() != STATE_BYTES - 8 {
            return Err(Error::runtime(format!(
                "Expected either a CPUGeneratorImplStateLegacy of size {} or a CPUGeneratorImplState of size \
                 {STATE_BYTES} but found the input RNG state size to be {}",
                STATE_BYTES - 8,
                bytes.len()
            )));
        }
        let mut out = Generator::new(word(0)?);
        (out.left, out.next) = ((word(8)? & 0xffff_ffff) as usize, word(16)? as usize);
        for (i, x) in out.state.iter_mut().enumerate() {
            *x = word(24 + 8 * i)? as u32;
        }
        // The draws that are left are those from the next on, or none is.
        let sane = out.left >= 1 && out.next <= N && (out.left == 1 || out.left + out.next <= N + 1);
        if !sane || word(8)? >> 32 == 0 {
            return Err(invalid());
        }
        let normal = 24 + 8 * N;
        if word(normal + 24)? & 0xffff_ffff != 0 {
            out.spare = Some(f64::from_bits(word(normal + 8)?));
        }
        Ok(out)
    }
}

thread_local! {
    /// The default generator is the first; a `None` is the place of one that was let go.
    static GENERATORS: RefCell<Vec<Option<Generator>>> = RefCell::new(vec![Some(Generator::new(67_280_421_310_721))]);
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

/// Makes a generator and returns its number.
pub fn add(generator: Generator) -> usize {
    GENERATORS.with_borrow_mut(|list| {
        let free = list.iter().position(Option::is_none).unwrap_or(list.len());
        list.resize(list.len().max(free + 1), None);
        list[free] = Some(generator);
        free
    })
}

/// Lets a generator go; the default one stays.
pub fn remove(number: usize) {
    GENERATORS.with_borrow_mut(|list| {
        if let (Some(place), true) = (list.get_mut(number), number != 0) {
            *place = None;
        }
    });
}

/// Makes ops draw from this generator until another is chosen; returns the one before.
pub fn select(number: usize) -> usize {
    CURRENT.replace(number)
}

/// Runs `f` with the generator in use.
pub fn with_generator<T>(f: impl FnOnce(&mut Generator) -> T) -> T {
    GENERATORS.with_borrow_mut(|list| {
        let live = list.get(CURRENT.get()).is_some_and(Option::is_some);
        let at = if live { CURRENT.get() } else { 0 };
        f(list[at].get_or_insert_with(|| Generator::new(0)))
    })
}

/// `torch.manual_seed`, for the generator in use.
pub fn manual_seed(seed: u64) {
    with_generator(|g| *g = Generator::new(seed));
}
