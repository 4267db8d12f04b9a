//! Elementary functions of `f32` on slices: at most two representable numbers from the truth, as
//! `examples/ulp.rs` shows. The builds have them with and without fused multiply-adds.

use super::curves::{Block, Coefficients, Exp, Function, Fuse, COEFFICIENTS};
use super::simd::{F32x4, Floats, Lane, Plain};
use std::hint::black_box;
use std::sync::OnceLock;

const N: usize = Block::N;

/// The far form of `x - less` for a block in memory, which may be replaced by it.
///
/// # Safety
/// A block must be readable and writable.
#[cold]
#[inline(never)]
unsafe fn far<F: Function>(k: &Coefficients, x: *const f32, less: f32, y: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { F::far(k, Block::load(x).sub(Block::splat(less))).store(y) }
}

/// What is left of a slice at `at`, in a room that is filled up with zeros.
#[inline(never)]
fn fill(room: &mut [f32; N], x: &[f32], at: usize) {
    room[..x.len() - at].copy_from_slice(&x[at..]);
}

// The loops call what is computed in one place only, with blocks in the slices or, at the end, in rooms
// that stand for them: so it is compiled into them. Far blocks go through memory, near ones stay in vectors.

/// `F` of every element.
#[inline(always)]
pub fn map<F: Function, M: Fuse<F32x4>>(x: &[f32], y: &mut [f32]) {
    let (k, len) = (black_box(&COEFFICIENTS), x.len().min(y.len()));
    let mut room = [0.0; N];
    for at in (0..len).step_by(N) {
        let whole = len - at >= N;
        let (mut from, mut to) = (x[at..].as_ptr(), y[at..].as_mut_ptr());
        if !whole {
            fill(&mut room, x, at);
            (from, to) = (room.as_ptr(), room.as_mut_ptr());
        }
        // SAFETY: a block is readable and writable there.
        unsafe {
            let v = Block::load(from);
            if v.all_within(F::BOUND) {
                F::block::<M>(k, v).store(to);
            } else {
                far::<F>(k, from, 0.0, to);
            }
        }
        if !whole {
            y[at..].copy_from_slice(&room[..len - at]);
        }
    }
}

/// `g` times `F` of every element.
#[inline(always)]
pub fn map_scaled<F: Function, M: Fuse<F32x4>>(g: &[f32], x: &[f32], y: &mut [f32]) {
    let (k, len) = (black_box(&COEFFICIENTS), x.len().min(y.len()).min(g.len()));
    let (mut room, mut scales) = ([0.0; N], [0.0; N]);
    for at in (0..len).step_by(N) {
        let whole = len - at >= N;
        let (mut scale, mut from, mut to) = (g[at..].as_ptr(), x[at..].as_ptr(), y[at..].as_mut_ptr());
        if !whole {
            fill(&mut room, x, at);
            fill(&mut scales, g, at);
            (scale, from, to) = (scales.as_ptr(), room.as_ptr(), room.as_mut_ptr());
        }
        // SAFETY: a block is readable and writable there.
        unsafe {
            let v = Block::load(from);
            if v.all_within(F::BOUND) {
                F::block::<M>(k, v).mul(Block::load(scale)).store(to);
            } else {
                far::<F>(k, from, 0.0, to);
                Block::load(to).mul(Block::load(scale)).store(to);
            }
        }
        if !whole {
            y[at..].copy_from_slice(&room[..len - at]);
        }
    }
}

/// `exp(x - m)` of `len` elements, which may be replaced by it, and the sum.
///
/// # Safety
/// They must be readable and writable.
#[inline(always)]
pub unsafe fn exp_less<M: Fuse<F32x4>>(x: *const f32, m: f32, y: *mut f32, len: usize) -> f32 {
    let (k, most) = (black_box(&COEFFICIENTS), Block::splat(m));
    let (mut total, mut sum) = (0.0, Block::splat(0.0));
    let mut room = [m; N];
    for at in (0..len).step_by(N) {
        let whole = len - at >= N;
        let (mut from, mut to) = (x.wrapping_add(at), y.wrapping_add(at));
        // SAFETY: the caller's promise; a block is readable and writable there.
        unsafe {
            if !whole {
                fill(&mut room, std::slice::from_raw_parts(x, len), at);
                (from, to) = (room.as_ptr(), room.as_mut_ptr());
            }
            let v = Block::load(from).sub(most);
            if v.all_within(Exp::BOUND) {
                let e = k.exp::<Block, M>(v);
                e.store(to);
                if whole {
                    sum = sum.add(e);
                }
            } else {
                far::<Exp>(k, from, m, to);
                if whole {
                    sum = sum.add(Block::load(to));
                }
            }
            if !whole {
                std::ptr::copy_nonoverlapping(room.as_ptr(), y.add(at), len - at);
                // What filled the block up adds nothing.
                room[len - at..].fill(0.0);
                sum = sum.add(Block::load(room.as_ptr()));
            }
        }
        // A sum of sums: rounding errors stay small in long rows.
        if at % PART == PART - N {
            total += f64::from(sum.sum());
            sum = Block::splat(0.0);
        }
    }
    (total + f64::from(sum.sum())) as f32
}

/// Elements that are summed in vectors before they are added to the rest.
const PART: usize = 128 * N;

type Map = unsafe fn(&[f32], &mut [f32]);
type Scaled = unsafe fn(&[f32], &[f32], &mut [f32]);

/// The functions on slices of one length, as one build has them.
#[allow(missing_docs)]
pub struct Functions {
    pub exp: Map,
    pub tanh: Map,
    pub sigmoid: Map,
    pub silu: Map,
    pub erf: Map,
    pub gelu: Map,
    pub gelu_tanh: Map,
    pub gelu_grad: Scaled,
    pub gelu_tanh_grad: Scaled,
    pub exp_less: unsafe fn(*const f32, f32, *mut f32, usize) -> f32,
}

/// The functions with a way to add products; attributes in front go to each.
#[macro_export]
macro_rules! elementary_functions {
    ($(#[$attr:meta])* $M:ty) => {{
        use $crate::kernels::functions::{self as f, Functions};
        $crate::elementary_functions!(@map [$(#[$attr])*] $M, exp Exp, tanh Tanh, sigmoid Sigmoid, silu Silu, erf Erf, gelu Gelu, gelu_tanh GeluTanh);
        $crate::elementary_functions!(@scaled [$(#[$attr])*] $M, gelu_grad GeluSlope, gelu_tanh_grad GeluTanhSlope);
        $(#[$attr])*
        unsafe fn exp_less(x: *const f32, m: f32, y: *mut f32, len: usize) -> f32 {
            // SAFETY: the caller's promise.
            unsafe { f::exp_less::<$M>(x, m, y, len) }
        }
        Functions { exp, tanh, sigmoid, silu, erf, gelu, gelu_tanh, gelu_grad, gelu_tanh_grad, exp_less }
    }};
    (@map $attrs:tt $M:ty, $($name:ident $F:ident),*) => { $($crate::elementary_functions!(@one $attrs $M, map, $name $F, x);)* };
    (@scaled $attrs:tt $M:ty, $($name:ident $F:ident),*) => { $($crate::elementary_functions!(@one $attrs $M, map_scaled, $name $F, g, x);)* };
    (@one [$(#[$attr:meta])*] $M:ty, $run:ident, $name:ident $F:ident, $($x:ident),*) => {
        $(#[$attr])*
        unsafe fn $name($($x: &[f32],)* y: &mut [f32]) {
            f::$run::<$crate::kernels::curves::$F, $M>($($x,)* y);
        }
    };
}

static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
static PLAIN: Functions = elementary_functions!(Plain);

/// Puts other functions in the place of the plain ones.
pub fn install(functions: Functions) {
    let _ = FUNCTIONS.set(functions);
}

fn functions() -> &'static Functions {
    FUNCTIONS.get().unwrap_or(&PLAIN)
}

/// Functions on slices of the same length.
macro_rules! slices {
    ($($(#[$doc:meta])* $name:ident = $field:ident($($x:ident),*);)*) => { $(
        $(#[$doc])*
        pub fn $name($($x: &[f32],)* y: &mut [f32]) {
            // SAFETY: what is installed fits the processor.
            unsafe { (functions().$field)($($x,)* y) }
        }
    )* };
}
slices! {
    /// `exp` of every element.
    exp_all = exp(x);
    /// `tanh` of every element.
    tanh_all = tanh(x);
    /// `sigmoid` of every element.
    sigmoid_all = sigmoid(x);
    /// `silu` of every element.
    silu_all = silu(x);
    /// `erf` of every element.
    erf_all = erf(x);
    /// `gelu` of every element.
    gelu_all = gelu(x);
    /// `g` times the derivative of `gelu`, of every pair.
    gelu_grad_all = gelu_grad(g, x);
    /// `gelu` by `tanh` of every element.
    gelu_tanh_all = gelu_tanh(x);
    /// `g` times the derivative of `gelu` by `tanh`, of every pair.
    gelu_tanh_grad_all = gelu_tanh_grad(g, x);
}

/// `exp(x - m)` of every element, and the sum.
pub fn exp_less_all(x: &[f32], m: f32, y: &mut [f32]) -> f32 {
    // SAFETY: inside both slices.
    unsafe { (functions().exp_less)(x.as_ptr(), m, y.as_mut_ptr(), x.len().min(y.len())) }
}

/// `exp(x - m)` in the place of every `x`, and the sum.
pub fn exp_less_in_place(x: &mut [f32], m: f32) -> f32 {
    // SAFETY: inside the slice.
    unsafe { (functions().exp_less)(x.as_ptr(), m, x.as_mut_ptr(), x.len()) }
}

/// `g` where `y` is above zero or NaN, else zero: the gradient of `relu` from its result.
pub fn relu_grad_all(g: &[f32], y: &[f32], to: &mut [f32]) {
    // The least number above zero.
    let (least, zero) = (f32::from_bits(1), Block::splat(0.0));
    let (gs, ys) = (g.chunks_exact(N), y.chunks_exact(N));
    let (rest_g, rest_y) = (gs.remainder(), ys.remainder());
    let mut tos = to.chunks_exact_mut(N);
    for ((g, y), to) in gs.zip(ys).zip(&mut tos) {
        // SAFETY: a chunk has as many elements as a block.
        unsafe {
            let (g, y) = (Block::load(g.as_ptr()), Block::load(y.as_ptr()));
            y.where_less(Block::splat(least), zero, g).store(to.as_mut_ptr());
        }
    }
    for ((g, y), to) in rest_g.iter().zip(rest_y).zip(tos.into_remainder()) {
        *to = if *y < least { 0.0 } else { *g };
    }
}

/// The greatest element; NaN is passed over.
pub fn greatest(x: &[f32]) -> f32 {
    let blocks = x.chunks_exact(N);
    let mut most = blocks.remainder().iter().fold(f32::NEG_INFINITY, |m, x| if *x > m { *x } else { m });
    if x.len() >= N {
        // SAFETY: a chunk has as many elements as a block.
        let all = blocks.fold(Block::splat(most), |m, c| m.greater(unsafe { Block::load(c.as_ptr()) }));
        let mut room = [0.0; N];
        // SAFETY: as above.
        unsafe { all.store(room.as_mut_ptr()) }
        most = room.iter().fold(most, |m, x| if *x > m { *x } else { m });
    }
    most
}
