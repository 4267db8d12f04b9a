//! Einstein summation: subscripts read, operands brought into one order of dimensions, then
//! multiplied in pairs as batches of matrices.

use super::prelude::*;

/// What a place in a subscript stands for: a letter, or all dimensions that an ellipsis covers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Letter(u8),
    Ellipsis,
}

fn failed<T>(what: impl std::fmt::Display) -> Result<T> {
    Err(Error::runtime(format!("einsum(): {what}")))
}

/// Whether a label may stand next in the subscript of an operand or, without one, of the output.
fn check_label(label: Label, whole: bool, list: &[Label], operand: Option<usize>) -> Result<()> {
    let twice = list.contains(&label);
    match (label, operand) {
        (Label::Letter(c), None) if twice => {
            failed(format!("output subscript {} appears more than once in the output", c as char))
        }
        (Label::Letter(_), _) => Ok(()),
        (Label::Ellipsis, Some(k)) if !whole => {
            failed(format!("found '.' for operand {k} that is not part of any ellipsis"))
        }
        (Label::Ellipsis, None) if !whole => failed("found '.' for output that is not part of any ellipsis (...)"),
        (Label::Ellipsis, Some(k)) if twice => {
            failed(format!("found '.' for operand {k} for which an ellipsis was already found"))
        }
        (Label::Ellipsis, None) if twice => failed("found '.' for output but an ellipsis (...) was already found"),
        (Label::Ellipsis, _) => Ok(()),
    }
}

/// The subscripts of the operands and, where it is given, of the output.
type Equation = (Vec<Vec<Label>>, Option<Vec<Label>>);

fn parse(equation: &str) -> Result<Equation> {
    let text = equation.as_bytes();
    let (mut inputs, mut output): (Vec<Vec<Label>>, Option<Vec<Label>>) = (vec![Vec::new()], None);
    let mut i = 0;
    while i < text.len() {
        let operand = inputs.len() - 1;
        let in_output = output.is_some();
        match text[i] {
            b' ' => {}
            b',' if !in_output => inputs.push(Vec::new()),
            b'-' if !in_output && text.get(i + 1) == Some(&b'>') => {
                output = Some(Vec::new());
                i += 1;
            }
            c if c == b'.' || c.is_ascii_alphabetic() => {
                let list = output.as_mut().unwrap_or(&mut inputs[operand]);
                let label = if c == b'.' { Label::Ellipsis } else { Label::Letter(c) };
                check_label(label, text[i..].starts_with(b"..."), list, (!in_output).then_some(operand))?;
                list.push(label);
                i += if c == b'.' { 2 } else { 0 };
            }
            _ => return failed(format!(
                "invalid subscript given at index {i} in the equation string, subscripts must be in [a-zA-Z]"
            )),
        }
        i += 1;
    }
    Ok((inputs, output))
}

/// The sizes that subscripts and the dimensions of ellipses stand for.
struct Sizes {
    letters: [Option<i64>; 128],
    ellipsis: Dims,
}

fn check_sizes(inputs: &[Vec<Label>], operands: &[Tensor]) -> Result<Sizes> {
    if inputs.len() > operands.len() {
        return failed("fewer operands were provided than specified in the equation");
    }
    if inputs.len() < operands.len() {
        return failed("more operands were provided than specified in the equation");
    }
    let mut sizes = Sizes { letters: [None; 128], ellipsis: Dims::new() };
    for (k, (labels, t)) in inputs.iter().zip(operands).enumerate() {
        let letters = labels.iter().filter(|l| **l != Label::Ellipsis).count();
        let open = letters < labels.len();
        if (!open && letters != t.ndim()) || letters > t.ndim() {
            return failed(if open {
                format!("the number of subscripts in the equation ({letters}) is more than the number of dimensions \
                    ({}) for operand {k}", t.ndim())
            } else {
                format!("the number of subscripts in the equation ({letters}) does not match the number of dimensions \
                    ({}) for operand {k} and no ellipsis was given", t.ndim())
            });
        }
        let mut d = 0;
        for label in labels {
            match label {
                Label::Ellipsis => {
                    let covered = t.ndim() - letters;
                    let mine: Dims = t.sizes()[d..d + covered].into();
                    while sizes.ellipsis.len() < covered {
                        sizes.ellipsis.insert(0, 1);
                    }
                    let lead = sizes.ellipsis.len() - covered;
                    for (j, n) in mine.iter().enumerate() {
                        let seen = &mut sizes.ellipsis[lead + j];
                        if *seen != 1 && *n != 1 && *seen != *n {
                            return failed(format!(
                                "dimension {j} covered by ellipsis in operand {k}has size {n} which does not broadcast \
                                 with previously seen ellipsis with size {seen} for the respective dimension"
                            ));
                        }
                        if *seen == 1 {
                            *seen = *n;
                        }
                    }
                    d += covered;
                }
                Label::Letter(c) => {
                    let n = t.sizes()[d];
                    let seen = &mut sizes.letters[*c as usize];
                    match *seen {
                        Some(s) if s != 1 && n != 1 && s != n => {
                            let repeated = labels.iter().filter(|l| *l == label).count() > 1;
                            return failed(if repeated && k == 0 {
                                format!("subscript {} is repeated for operand {k} but the sizes don't match, {n} != {s}",
                                    *c as char)
                            } else {
                                format!("subscript {} has size {n} for operand {k} which does not broadcast with \
                                    previously seen size {s}", *c as char)
                            });
                        }
                        Some(s) if s != 1 => {}
                        _ => *seen = Some(n),
                    }
                    d += 1;
                }
            }
        }
    }
    Ok(sizes)
}

/// Without an output: the ellipsis, then every letter that occurs once, in the order of the
/// alphabet, capitals first.
fn implied(inputs: &[Vec<Label>]) -> Vec<Label> {
    let all: Vec<Label> = inputs.iter().flatten().copied().collect();
    let mut out = Vec::new();
    if all.contains(&Label::Ellipsis) {
        out.push(Label::Ellipsis);
    }
    for c in 0..128u8 {
        if all.iter().filter(|l| **l == Label::Letter(c)).count() == 1 {
            out.push(Label::Letter(c));
        }
    }
    out
}

/// An operand with a dimension for every label of `order`, of size one where it has none; a
/// repeated letter takes the diagonal.
fn arranged(t: &Tensor, labels: &[Label], order: &[Label], covered: usize) -> Result {
    let letters = labels.iter().filter(|l| **l != Label::Ellipsis).count();
    // One label for each dimension; those of an ellipsis count from its end.
    let mut names: Vec<(Label, usize)> = Vec::new();
    for l in labels {
        match l {
            Label::Ellipsis => {
                let mine = t.ndim() - letters;
                names.extend((0..mine).map(|j| (*l, covered - mine + j)));
            }
            letter => names.push((*letter, 0)),
        }
    }
    let mut t = t.clone();
    let mut i = 0;
    while i < names.len() {
        match (i + 1..names.len()).find(|&j| names[j] == names[i]) {
            Some(j) => {
                let (p, q) = (t.sizes()[i], t.sizes()[j]);
                // A dimension of size one goes along with any other.
                t = if p == q {
                    t.diagonal(0i64, i as i64, j as i64)?.movedim([-1], [i as i64])?
                } else if q == 1 {
                    t.squeeze_dims([j as i64])?
                } else {
                    t.squeeze_dims([i as i64])?.movedim([j as i64 - 1], [i as i64])?
                };
                names.remove(j);
            }
            None => i += 1,
        }
    }
    let mut permutation = Dims::new();
    let mut missing = Dims::new();
    let mut place = 0;
    let mut take = |name: (Label, usize)| {
        match names.iter().position(|n| *n == name) {
            Some(d) => permutation.push(d as i64),
            None => missing.push(place),
        }
        place += 1;
    };
    for l in order {
        match l {
            Label::Ellipsis => (0..covered).for_each(|j| take((*l, j))),
            letter => take((*letter, 0)),
        }
    }
    let moved = permutation.iter().enumerate().any(|(i, d)| i as i64 != *d);
    let mut t = if moved { t.permute(&permutation)? } else { t };
    for d in missing {
        t = t.unsqueeze(d)?;
    }
    Ok(t)
}

/// Two operands with the same dimensions, multiplied and summed over `sums`, which stay with size
/// one: dimensions that both have are the batch, those that one has are rows or columns.
pub(crate) fn contracted(left: &Tensor, right: &Tensor, sums: &[usize]) -> Result {
    let (mut left, mut right) = (left.clone(), right.clone());
    let (mut both, mut rows, mut columns, mut inner) = (Dims::new(), Dims::new(), Dims::new(), Dims::new());
    for d in 0..left.ndim() {
        let (p, q) = (left.sizes()[d] != 1, right.sizes()[d] != 1);
        let at = d as i64;
        if sums.contains(&d) {
            if p && q {
                inner.push(at);
            } else {
                left = if p { left.sum_dim([at], true, ())? } else { left };
                right = if q { right.sum_dim([at], true, ())? } else { right };
                inner.push(at);
            }
        } else if p && q {
            both.push(at);
        } else if p {
            rows.push(at);
        } else {
            columns.push(at);
        }
    }
    let size = |t: &Tensor, dims: &Dims| -> i64 { dims.iter().map(|d| t.sizes()[*d as usize]).product() };
    let order = |parts: [&Dims; 4]| -> Dims { parts.iter().flat_map(|p| p.iter().copied()).collect() };
    let (b, m, n, k) = (size(&left, &both), size(&left, &rows), size(&right, &columns), size(&left, &inner));
    let mut sizes: Dims = both.iter().chain(&rows).map(|d| left.sizes()[*d as usize]).collect();
    sizes.extend(inner.iter().map(|_| 1));
    sizes.extend(columns.iter().map(|d| right.sizes()[*d as usize]));
    let p = left.permute(order([&both, &rows, &inner, &columns]))?.reshape([b, m, k])?;
    let q = right.permute(order([&both, &inner, &columns, &rows]))?.reshape([b, k, n])?;
    let forward = order([&both, &rows, &inner, &columns]);
    let mut back = Dims::from_elem(0, forward.len());
    for (i, d) in forward.iter().enumerate() {
        back[*d as usize] = i as i64;
    }
    p.bmm(q)?.view(&sizes)?.permute(&back)
}

fn summed_product(equation: &str, operands: &[Tensor]) -> Result {
    if operands.is_empty() {
        return Err(Error::value(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its \
             subscripts list",
        ));
    }
    let (inputs, output) = parse(equation)?;
    let sizes = check_sizes(&inputs, operands)?;
    let output = output.unwrap_or_else(|| implied(&inputs));
    for label in &output {
        if let Label::Letter(c) = label {
            if sizes.letters[*c as usize].is_none() {
                return failed(format!(
                    "output subscript {} does not appear in the equation for any input operand", *c as char
                ));
            }
        }
    }
    let covered = sizes.ellipsis.len();
    let mut order = output.clone();
    if covered > 0 && !order.contains(&Label::Ellipsis) {
        order.push(Label::Ellipsis);
    }
    order.extend((0..128u8).filter(|c| sizes.letters[*c as usize].is_some()).map(Label::Letter)
        .filter(|l| !output.contains(l)));
    let width = |list: &[Label]| list.iter().map(|l| if *l == Label::Ellipsis { covered } else { 1 }).sum::<usize>();
    let (kept, all) = (width(&output), width(&order));
    let mut list: Vec<Tensor> = inputs.iter().zip(operands)
        .map(|(labels, t)| arranged(t, labels, &order, covered)).collect::<Result<_>>()?;
    let many = list.len() > 1;
    // How many operands still have each dimension that is summed.
    let mut users: Vec<usize> = (0..all).map(|d| list.iter().filter(|t| t.sizes()[d] != 1).count()).collect();
    let mut acc = list.remove(0);
    for mut next in list {
        let (mut sums, mut here, mut there) = (Vec::new(), Dims::new(), Dims::new());
        for d in kept..all {
            let (p, q) = (acc.sizes()[d] != 1, next.sizes()[d] != 1);
            if p && q {
                users[d] -= 1;
                if users[d] == 1 {
                    sums.push(d);
                    users[d] = 0;
                }
            } else if users[d] == 1 && (p || q) {
                if p { here.push(d as i64) } else { there.push(d as i64) }
                users[d] = 0;
            }
        }
        if !here.is_empty() {
            acc = acc.sum_dim(&here, true, ())?;
        }
        if !there.is_empty() {
            next = next.sum_dim(&there, true, ())?;
        }
        acc = if sums.is_empty() { acc.mul(next)? } else { contracted(&acc, &next, &sums)? };
    }
    if all == kept {
        return Ok(acc);
    }
    if many {
        // What was summed is of size one by now.
        let sizes: Dims = acc.sizes()[..kept].into();
        return acc.view(&sizes);
    }
    let rest: Dims = (kept as i64..all as i64).collect();
    acc.sum_dim(&rest, false, ())
}

ops! { TABLE, EinsumOps;
    /// Sums of products by Einstein's convention: `einsum('ij,jk->ik', [a, b])` is a matrix product.
    fn einsum(equation: String, operands: Vec<Tensor>) [] compose { summed_product(&equation, &operands) };
}
