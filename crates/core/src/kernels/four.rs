//! Four lanes as one: an engine builds a constant anew wherever it is used, so functions with many
//! constants work on four vectors for each.

use super::simd::{Exact, Floats, Lane, MulAdd};

/// Four lanes.
#[derive(Clone, Copy)]
pub struct Four<L>(pub [L; 4]);

impl<L: Lane> Four<L> {
    #[inline(always)]
    fn map(self, f: impl Fn(L) -> L) -> Self {
        let [a, b, c, d] = self.0;
        Four([f(a), f(b), f(c), f(d)])
    }

    #[inline(always)]
    fn zip(self, o: Self, f: impl Fn(L, L) -> L) -> Self {
        let ([a, b, c, d], [p, q, r, s]) = (self.0, o.0);
        Four([f(a, p), f(b, q), f(c, r), f(d, s)])
    }
}

impl<L: Lane> Lane for Four<L> {
    type Elem = L::Elem;
    const N: usize = 4 * L::N;

    #[inline(always)]
    fn splat(x: L::Elem) -> Self {
        Four([L::splat(x); 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const L::Elem) -> Self {
        // SAFETY: the caller's promise, here and below.
        let at = |i: usize| from.wrapping_add(i * L::N);
        unsafe { Four([L::load(at(0)), L::load(at(1)), L::load(at(2)), L::load(at(3))]) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut L::Elem) {
        for (i, v) in self.0.into_iter().enumerate() {
            unsafe { v.store(to.add(i * L::N)) }
        }
    }
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        self.zip(o, L::add)
    }
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        self.zip(o, L::sub)
    }
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        self.zip(o, L::mul)
    }
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        self.zip(o, L::div)
    }
    #[inline(always)]
    fn min(self, o: Self) -> Self {
        self.zip(o, L::min)
    }
    #[inline(always)]
    fn max(self, o: Self) -> Self {
        self.zip(o, L::max)
    }
    #[inline(always)]
    fn sum(self) -> L::Elem {
        let [a, b, c, d] = self.0;
        a.add(b).add(c.add(d)).sum()
    }
    unsafe fn transpose(from: impl Fn(usize) -> *const L::Elem, to: *mut L::Elem, to_step: usize) {
        for i in 0..4 {
            for j in 0..4 {
                unsafe {
                    let rows = |r: usize| from(i * L::N + r).add(j * L::N);
                    L::transpose(rows, to.add(j * L::N * to_step + i * L::N), to_step);
                }
            }
        }
    }
}

impl<L: Floats> Floats for Four<L> {
    type Wide = Four<L::Wide>;

    #[inline(always)]
    fn lesser(self, bound: Self) -> Self {
        self.zip(bound, L::lesser)
    }
    #[inline(always)]
    fn greater(self, bound: Self) -> Self {
        self.zip(bound, L::greater)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        self.map(L::abs)
    }
    #[inline(always)]
    fn signed_like(self, o: Self) -> Self {
        self.zip(o, L::signed_like)
    }
    #[inline(always)]
    fn where_less(self, o: Self, yes: Self, no: Self) -> Self {
        let at = |i: usize| self.0[i].where_less(o.0[i], yes.0[i], no.0[i]);
        Four([at(0), at(1), at(2), at(3)])
    }
    #[inline(always)]
    fn farther(self, o: Self) -> Self {
        self.zip(o, L::farther)
    }
    #[inline(always)]
    fn all_within(self, bound: f32) -> bool {
        let [a, b, c, d] = self.0;
        a.farther(b).farther(c.farther(d)).all_within(bound)
    }
    #[inline(always)]
    fn raised(self) -> Self {
        self.map(L::raised)
    }
    #[inline(always)]
    fn scaled(self, n: Self) -> Self {
        self.zip(n, L::scaled)
    }
    #[inline(always)]
    fn high(self) -> Self {
        self.map(L::high)
    }
    #[inline(always)]
    fn widen(self) -> [Self::Wide; 2] {
        let [a, b, c, d] = self.0;
        let [a, b, c, d] = [a.widen(), b.widen(), c.widen(), d.widen()];
        [Four([a[0], b[0], c[0], d[0]]), Four([a[1], b[1], c[1], d[1]])]
    }
    #[inline(always)]
    fn fixed([low, high]: [Self::Wide; 2]) -> (Self, Self) {
        let at = |i: usize| L::fixed([low.0[i], high.0[i]]);
        let [a, b, c, d] = [at(0), at(1), at(2), at(3)];
        (Four([a.0, b.0, c.0, d.0]), Four([a.1, b.1, c.1, d.1]))
    }
}

impl<L: Lane, M: MulAdd<L>> MulAdd<Four<L>> for M {
    #[inline(always)]
    fn mul_add(x: Four<L>, y: Four<L>, z: Four<L>) -> Four<L> {
        let ([a, b, c, d], [p, q, r, s], [e, f, g, h]) = (x.0, y.0, z.0);
        Four([M::mul_add(a, p, e), M::mul_add(b, q, f), M::mul_add(c, r, g), M::mul_add(d, s, h)])
    }
}

impl<L: Floats, M: Exact<L>> Exact<Four<L>> for M {
    const ONCE: bool = M::ONCE;

    #[inline(always)]
    fn excess(x: Four<L>, y: Four<L>, z: Four<L>) -> Four<L> {
        let ([a, b, c, d], [p, q, r, s], [e, f, g, h]) = (x.0, y.0, z.0);
        Four([M::excess(a, p, e), M::excess(b, q, f), M::excess(c, r, g), M::excess(d, s, h)])
    }
}
