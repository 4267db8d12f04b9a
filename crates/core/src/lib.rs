//! Tensors and reverse-mode automatic differentiation.
