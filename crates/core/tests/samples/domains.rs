//! Where functions are defined, and what is known not to hold.

/// The kind of tensor that an entry's default samples are made of, where `x` will not do.
#[rustfmt::skip]
pub const DOMAINS: &[(&str, &str)] = &[
    ("sqrt", "pos"), ("rsqrt", "pos"), ("log", "pos"), ("log2", "pos"), ("log10", "pos"), ("log1p", "pos"),
    ("lgamma", "pos"), ("digamma", "pos"), ("acosh", "big"), ("logit", "prob"),
    ("ndtri", "prob"), ("entr", "pos"), ("xlogy_of", "pos"), ("modified_bessel_k0", "pos"),
    ("modified_bessel_k1", "pos"), ("bessel_y0", "pos"), ("bessel_y1", "pos"),
    ("asin", "unit"), ("acos", "unit"), ("atanh", "unit"), ("erfinv", "unit"), ("bernoulli", "prob"),
    ("normal", "pos"), ("normal_std", "pos"), ("poisson", "pos"),
];

/// Id, what does not hold (`gradient`, `complex`, `second order`, `strides`, `in place`, `first order`), and why.
pub const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("as_strided", "strides", "it reads memory, not elements"),
    ("as_strided_copy", "strides", "it reads memory, not elements"),
    ("as_strided_scatter", "strides", "it writes memory, not elements"),
    ("as_strided_scatter", "first order", "PyTorch gives `input` what flows to the region"),
    ("normal", "first order", "to PyTorch random numbers are constants"),
    ("normal_mean", "first order", "to PyTorch random numbers are constants"),
    ("normal_std", "first order", "to PyTorch random numbers are constants"),
    ("view_as", "strides", "not every view exists over every memory"),
    ("poisson", "first order", "samples do not follow their parameters"),
    ("gumbel_softmax", "strides", "samples are drawn in the order of memory"),
    ("svd", "first order", "signs and phases of singular vectors are free"),
    ("svd", "second order", "signs and phases of singular vectors are free"),
    ("svd_some", "first order", "signs and phases of singular vectors are free"),
    ("svd_some", "second order", "signs and phases of singular vectors are free"),
    ("svd_lowrank", "first order", "signs and phases of singular vectors are free"),
    ("svd_lowrank", "second order", "signs and phases of singular vectors are free"),
    ("pca_lowrank", "first order", "signs and phases of singular vectors are free"),
    ("pca_lowrank", "second order", "signs and phases of singular vectors are free"),
    ("eigh", "complex", "phases of eigenvectors are free, and a loss that depends on them is refused"),
    ("eig", "gradient", "phases of eigenvectors are free, and a loss that depends on them is refused"),
    ("masked_median", "complex", "it looks at real parts"),
    ("conv_tbc", "complex", "its backward is a convolution of real numbers"),
    ("_segment_reduce", "second order", "PyTorch has no formula"),
    ("_segment_reduce", "complex", "it is for real numbers"),
    ("segment_reduce", "second order", "PyTorch has no formula"),
    ("segment_reduce", "complex", "it is for real numbers"),
    ("floor_divide", "gradient", "PyTorch has no formula"),
    ("heaviside", "gradient", "PyTorch has no formula"),
    ("remainder_of", "gradient", "PyTorch has no formula"),
    ("zeta_scalar", "gradient", "PyTorch has no formula"),
    ("copy_slices", "strides", "it writes memory, not elements"),
];
