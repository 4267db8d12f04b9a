//! PyTorch's CPU random numbers: the Mersenne Twister (Matsumoto and Nishimura, 1998) and the ways
//! in which ATen draws from it.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Dims;
use crate::tensor::Tensor;
use std::cell::RefCell;

/// The state of mt19937.
pub struct Generator {
    seed: u64,
    state: [u32; 624],
    at: usize,
    /// The second number of the last pair of the polar form.
    spare: Option<f64>,
}

impl Generator {
    /// A generator from a seed.
    pub fn new(seed: u64) -> Generator {
        let mut state = [0u32; 624];
        state[0] = seed as u32;
        for i in 1..624 {
            let last = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Generator { seed, state, at: 624, spare: None }
    }

    /// The seed it was made from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// 32 random bits.
    pub fn next32(&mut self) -> u32 {
        if self.at == 624 {
            for i in 0..624 {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % 624] & 0x7fff_ffff);
                let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + 397) % 624] ^ (y >> 1) ^ twist;
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
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
    fn gauss(&mut self) -> f64 {
        if let Some(x) = self.spare.take() {
            return x;
        }
        let (u1, u2) = (self.double(), self.double());
        let r = (-2.0 * (-u2).ln_1p()).sqrt();
        let theta = 2.0 * std::f64::consts::PI * u1;
        self.spare = Some(r * theta.sin());
        r * theta.cos()
    }
}

thread_local! {
    static DEFAULT: RefCell<Generator> = RefCell::new(Generator::new(67_280_421_310_721));
}

/// Runs `f` with the default generator.
pub fn with_generator<T>(f: impl FnOnce(&mut Generator) -> T) -> T {
    DEFAULT.with_borrow_mut(f)
}

/// `torch.manual_seed`.
pub fn manual_seed(seed: u64) {
    DEFAULT.set(Generator::new(seed));
}

fn floating(name: &str, dtype: DType) -> Result<()> {
    if dtype.is_floating_point() { Ok(()) } else { Err(Error::dtype(name, dtype)) }
}

/// Uniform numbers in `[from, to)`.
pub fn uniform(r: &mut Generator, sizes: &Dims, dtype: DType, from: f64, to: f64) -> Result {
    floating("check_uniform_bounds", dtype)?;
    let out = Tensor::empty(sizes, dtype.compute())?;
    match dtype {
        DType::Float64 => out.data_mut::<f64>().iter_mut().for_each(|x| *x = r.double() * (to - from) + from),
        DType::Float32 => out.data_mut::<f32>().iter_mut().for_each(|x| *x = r.single() * (to - from) as f32 + from as f32),
        _ => {
            let bits = if dtype == DType::Float16 { 11 } else { 8 };
            out.data_mut::<f32>().iter_mut().for_each(|x| {
                *x = (r.next32() & ((1 << bits) - 1)) as f32 / (1u32 << bits) as f32 * (to - from) as f32 + from as f32;
            });
        }
    }
    out.as_contiguous(dtype)
}

/// Normal numbers: from 16 elements on in blocks of 16, below one by one.
pub fn normal(r: &mut Generator, sizes: &Dims, dtype: DType, mean: f64, std: f64) -> Result {
    floating("normal_kernel_cpu", dtype)?;
    let out = Tensor::empty(sizes, dtype.compute())?;
    macro_rules! fill {
        ($t:ty, $draw:expr, $pi:expr) => {{
            let data = out.data_mut::<$t>();
            let draw: fn(&mut Generator) -> $t = $draw;
            let n = data.len();
            if n < 16 {
                data.iter_mut().for_each(|x| *x = (r.gauss() * std + mean) as $t);
            } else {
                data.iter_mut().for_each(|x| *x = draw(r));
                let block = |part: &mut [$t]| for j in 0..8 {
                    let (u1, u2) = (1.0 - part[j], part[j + 8]);
                    let radius = (-2.0 * u1.ln()).sqrt();
                    let theta = (2.0 * $pi) as $t * u2;
                    part[j] = radius * theta.cos() * std as $t + mean as $t;
                    part[j + 8] = radius * theta.sin() * std as $t + mean as $t;
                };
                data.chunks_exact_mut(16).for_each(block);
                if n % 16 != 0 {
                    // The last 16 are drawn anew.
                    let tail = &mut data[n - 16..];
                    tail.iter_mut().for_each(|x| *x = draw(r));
                    block(tail);
                }
            }
        }};
    }
    match dtype {
        DType::Float64 => fill!(f64, Generator::double, std::f64::consts::PI),
        _ => fill!(f32, Generator::single, std::f64::consts::PI),
    }
    out.as_contiguous(dtype)
}

/// Integers in `[low, high)`.
pub fn integers(r: &mut Generator, sizes: &Dims, dtype: DType, low: i64, high: i64) -> Result {
    if low >= high {
        return Err(Error::runtime(format!("random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")));
    }
    let range = high.wrapping_sub(low) as u64;
    let out = Tensor::empty(sizes, DType::Int64)?;
    for x in out.data_mut::<i64>() {
        let bits = if range >= 1 << 28 { r.next64() } else { u64::from(r.next32()) };
        *x = (bits % range) as i64 + low;
    }
    out.as_contiguous(dtype)
}

/// A random order: Fisher and Yates' shuffle from the front.
pub fn permutation(r: &mut Generator, n: i64, dtype: DType) -> Result {
    if n < 0 {
        return Err(Error::runtime(format!("n must be non-negative, got {n}")));
    }
    let out = Tensor::empty(&[n], DType::Int64)?;
    let data = out.data_mut::<i64>();
    for (i, x) in data.iter_mut().enumerate() {
        *x = i as i64;
    }
    for i in 0..data.len().saturating_sub(1) {
        let z = u64::from(r.next32());
        data.swap(i, i + (z % (n as u64 - i as u64)) as usize);
    }
    out.as_contiguous(dtype)
}

/// One with the probability of each element.
pub fn bernoulli(r: &mut Generator, p: &Tensor) -> Result {
    floating("bernoulli_tensor_cpu_p_", p.dtype())?;
    let p64 = p.as_contiguous(DType::Float64)?;
    if p64.data::<f64>().iter().any(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::runtime("Expected p_in >= 0 && p_in <= 1 to be true, but got false."));
    }
    let double = p.dtype() == DType::Float64;
    let out = Tensor::empty(p.sizes(), DType::Float64)?;
    for (x, p) in out.data_mut::<f64>().iter_mut().zip(p64.data::<f64>()) {
        let u = if double { r.double() } else { f64::from(r.single()) };
        *x = f64::from(u < *p);
    }
    out.copied(p.dtype())
}
