//! Prints `ts/src/generated.ts` from the op table: the table as the facade reads it, and the typed
//! functions and methods with their docs.

use cresset_core::ops;
use cresset_core::table::{hash, Op, Param};
use std::collections::BTreeSet;

/// Namespaces of ops below `torch`; everything else is at the top and, from a tensor, a method.
const NAMESPACES: [&str; 6] = ["nn.functional", "linalg", "special", "fft", "signal.windows", "masked"];

/// The namespace of a public name and what is left of it.
fn place(name: &str) -> (&str, &str) {
    for space in NAMESPACES {
        if let Some(rest) = name.strip_prefix(space).and_then(|r| r.strip_prefix('.')) {
            return (space, rest);
        }
    }
    ("", name)
}

/// A macro's types come with spaces between their tokens.
fn rust_type(p: &Param) -> String {
    p.ty.replace(' ', "")
}

/// The TypeScript type of a parameter.
fn ts_type(p: &Param) -> String {
    let ty = rust_type(p);
    let (inner, optional) = match ty.strip_prefix("Option<").and_then(|t| t.strip_suffix('>')) {
        Some(inner) => (inner, true),
        None => (ty.as_str(), false),
    };
    let base = match inner {
        "Tensor" => "Tensor",
        "Operand" | "AsTensor" => "TensorLike",
        "Scalar" => "Num | Complex",
        "f64" => "Num",
        "i64" => "Int",
        "bool" => "boolean",
        "String" => "string",
        "DType" => "DType",
        "Dims" => "Int | readonly Int[]",
        "MaybeDims" => "Int | readonly (Int | null)[]",
        "Floats" => "Num | readonly Num[]",
        "DimPair" => "readonly [readonly Int[], readonly Int[]]",
        "Vec<Option<Tensor>>" => "readonly (Tensor | null)[]",
        _ => "readonly Tensor[]",
    };
    if optional { format!("{base} | null") } else { base.to_string() }
}

fn result_type(op: &Op) -> String {
    match op.returns {
        [] => "Tensor".into(),
        ["bool"] => "boolean".into(),
        ["number"] => "number".into(),
        ["list"] => "Tensor[]".into(),
        ["tensors"] => "Tensor & Tensor[]".into(),
        ["none"] => "void".into(),
        fields => {
            let named: Vec<String> = fields.iter().map(|f| format!("{f}: Tensor")).collect();
            let listed = vec!["Tensor"; fields.len()].join(", ");
            format!("Named<{{ {} }}, [{listed}]>", named.join("; "))
        }
    }
}

/// The call signatures of an entry: all by place, keywords in an object, sizes one by one.
fn signatures(op: &Op, method: bool) -> Vec<String> {
    let params = &op.params[usize::from(method)..];
    let (place, named): (Vec<&Param>, Vec<&Param>) = params.iter().partition(|p| !p.keyword);
    let result = result_type(op);
    let arg = |p: &Param| {
        format!("{}{}: {}", safe(p.name), if p.default.is_some() { "?" } else { "" }, ts_type(p))
    };
    let keyword = |p: &Param| format!("{}?: {}", p.name, ts_type(p));
    let list = |params: &[&Param], f: &dyn Fn(&Param) -> String, by: &str| {
        params.iter().map(|p| f(p)).collect::<Vec<_>>().join(by)
    };
    // What every op takes by name, besides its own.
    let mut extra = vec!["out?: Tensor | readonly Tensor[]", "generator?: Generator"];
    if op.is("create") {
        extra = vec!["out?: Tensor", "generator?: Generator", "requires_grad?: boolean", "device?: string"];
    }
    if method {
        extra = vec!["generator?: Generator"];
    }
    let object = |params: &[&Param]| {
        let mut all: Vec<String> = params.iter().map(|p| keyword(p)).collect();
        all.extend(extra.iter().map(|s| (*s).to_string()));
        format!("{{ {} }}", all.join("; "))
    };
    let every: Vec<&Param> = params.iter().collect();
    let required = place.iter().take_while(|p| p.default.is_none()).count();
    let signature = |lead: &[&Param], keywords: &[&Param], optional: bool| {
        let lead = list(lead, &arg, ", ");
        let sep = if lead.is_empty() { "" } else { ", " };
        format!("({lead}{sep}kwargs{}: {}): {result}", if optional { "?" } else { "" }, object(keywords))
    };
    let mut out = vec![signature(&place, &named, true)];
    // The object may come after the required arguments, or after the tensor.
    let first = usize::from(!method && !op.is("create")).min(place.len());
    for lead in [required, first] {
        if lead < place.len() && (lead == required || first < required) {
            out.push(signature(&place[..lead], &every[lead..], false));
        }
    }
    if place.len() == first + 1 && rust_type(place[first]) == "Dims" {
        let lead = list(&place[..first], &arg, ", ");
        let sep = if lead.is_empty() { "" } else { ", " };
        out.push(format!("({lead}{sep}...{}: Int[]): {result}", safe(place[first].name)));
    }
    if place.len() == 1 && first == 1 && rust_type(place[0]) == "Vec<Tensor>" {
        out.push(format!("(...{}: Tensor[]): {result}", place[0].name));
    }
    out.dedup();
    out
}

fn doc(op: &Op, indent: &str) -> String {
    let text: Vec<&str> = op.doc.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    format!("{indent}/** {} */\n", text.join(" "))
}

/// The public names of an entry: its own and its aliases.
fn names(op: &Op) -> Vec<&'static str> {
    std::iter::once(op.name).chain(op.aliases()).collect()
}

fn is_method(op: &Op) -> bool {
    let tensor = op.params.first().is_some_and(|p| matches!(&*rust_type(p), "Tensor" | "Operand" | "AsTensor"));
    tensor && !op.is("function") && !op.is("create")
}

/// The table as text: a line is read when its op is first called, which costs less than a literal that is
/// built at every start.
fn print_table() {
    for op in ops::all() {
        let params: Vec<String> = op.params.iter().map(|p| {
            // A whole number that stands for Python's int is a bigint.
            let int = |default: &str| rust_type(p) == "Scalar" && default.parse::<i64>().is_ok();
            let default = p.default.filter(|d| *d != "undefined");
            let default = default.map(|d| format!("={}{}", d.replace(' ', ""), if int(d) { "n" } else { "" })).unwrap_or_default();
            format!("{}{}:{}{default}", if p.keyword { "*" } else { "" }, p.name, rust_type(p))
        }).collect();
        let marks: Vec<&str> = op.marks.iter().copied().filter(|m| m.bytes().all(|c| c.is_ascii_lowercase() || c == b'_')).collect();
        println!("{};{};{};{}", names(op).join(" "), params.join(" "), op.returns.join(" "), marks.join(" "));
    }
}

/// The names of methods, of one kind, in a line.
fn print_names(what: &str, name: &str, kind: impl Fn(&&Op) -> bool) {
    let methods = ops::all().filter(|o| is_method(o)).filter(kind);
    let mut all: Vec<&str> = methods.flat_map(names).filter(|n| !n.contains('.')).collect();
    all.sort_unstable();
    all.dedup();
    println!("/** {what} */\nexport const {name} = '{}';\n", all.join(" "));
}

fn print_methods(all: &[&Op]) {
    println!("/** The methods of a tensor that are ops of the table. */\nexport interface Methods {{");
    for op in all.iter().filter(|o| is_method(o)) {
        for name in names(op).into_iter().filter(|n| place(n).0.is_empty()) {
            for s in signatures(op, true) {
                if !op.is("hidden") {
                    println!("{}  {name}{s};", doc(op, "  "));
                }
                if op.is("inplace") {
                    println!("  /** `{name}` in place. */\n  {name}_{s};");
                }
            }
        }
    }
    println!("}}\n");
}

/// Words that JavaScript keeps for itself; `index.ts` exports them by their own names.
fn safe(name: &str) -> String {
    if matches!(name, "var" | "delete" | "in") { format!("{name}_") } else { name.into() }
}

fn print_functions(all: &[&Op]) {
    for space in [""].into_iter().chain(NAMESPACES) {
        let mut done = BTreeSet::new();
        let top = space.is_empty();
        if !top {
            println!("/** `torch.{space}`. */\nexport const {} = {{", space.replace('.', "_"));
        }
        let visible = || all.iter().filter(|o| !o.is("hidden") && !o.is("method"));
        for op in visible() {
            for name in names(op) {
                let (here, short) = place(name);
                if here != space || !done.insert(name) {
                    continue;
                }
                let overloads = visible().filter(|o| names(o).contains(&name));
                let types: Vec<String> = overloads.flat_map(|o| signatures(o, false)).collect();
                let types = types.join("; ");
                if top {
                    println!("{}export const {}: {{ {types} }} = functionOf('{name}') as never;", doc(op, ""), safe(short));
                } else {
                    println!("{}  {short}: functionOf('{name}') as unknown as {{ {types} }},", doc(op, "  "));
                }
            }
        }
        if !top {
            println!("}};\n");
        }
    }
}

fn main() {
    println!("// @generated by `npm run generate` from the op table in crates/core/src/ops. Do not edit.\n");
    println!("import {{ functionOf }} from './call.js';");
    println!("import type {{ DType }} from './dtype.js';");
    println!("import type {{ Generator }} from './random.js';");
    println!("import type {{ Complex, Int, Num, Tensor, TensorLike }} from './tensor.js';\n");
    println!("/** Several results: by name, or in their order. A list has a member `values` of its own. */");
    println!("export type Named<F, L> = F & Omit<L, keyof F>;\n");
    println!("export const TABLE_HASH = {};\n", hash());
    println!("/** An entry a line: its names; parameters, by name only after a star; names of results; marks. */");
    print!("export const TABLE = `");
    print_table();
    println!("`;\n");
    print_names("The methods of a tensor.", "METHODS", |op| !op.is("hidden"));
    print_names("Those that also write in place, by the same names with a line under them.", "WRITERS", |op| op.is("inplace"));
    let all: Vec<&Op> = ops::all().filter(|o| !o.is("hidden") || o.is("inplace")).collect();
    print_methods(&all);
    print_functions(&all);
}
