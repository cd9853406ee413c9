//! Builds all mutants of some files into one program, each behind a switch: `mutant-switch MUTANTS.json ROOT [LEAVE OUT ...]`.
//!
//! Reads what `cargo mutants --list --json` says and rewrites the files under ROOT in place, so that a function
//! `crate::is_mutant(N)`, which the caller provides, chooses at run time between the code as it is and as mutant N has it. N
//! is the mutant's place in the list. Compiling takes most of the time that a mutant takes, and this way it is done once.
//!
//! Prints the numbers of the mutants that have a switch. These have none: mutants in constants, in functions that the compiler
//! may evaluate and in functions that return an unnamed type, and the mutants that are to be left out.
//!
//! A mutant that does not compile breaks the whole program. `mutant-switch --complaints ROOT` reads what
//! `cargo --message-format json` says about it and prints the numbers of such mutants.

use std::{collections::BTreeMap, collections::BTreeSet, ops::Range};

use proc_macro2::LineColumn;
use serde_json::Value;
use syn::{spanned::Spanned, visit::Visit};

/// A mutant that a file is to have.
struct Wanted {
    number: usize,
    genre: String,
    at: Range<usize>,
    replacement: String,
}

/// Text to be put in place of a range; what lies inside of the range and is kept may be rewritten, too.
struct Edit {
    at: Range<usize>,
    parts: Vec<Part>,
}

/// A part of the new text.
enum Part {
    Text(String),
    Kept(Range<usize>),
}

struct Switches<'a> {
    source: &'a str,
    lines: Vec<usize>,
    wanted: Vec<Wanted>,
    edits: Vec<Edit>,
    done: BTreeSet<usize>,
}

/// Byte offset of each line's start.
fn lines_of(source: &str) -> Vec<usize> {
    let ends = source.match_indices('\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).collect()
}

impl Switches<'_> {
    /// Columns count characters, from 0.
    fn offset(&self, at: LineColumn) -> usize {
        let line = &self.source[self.lines[at.line - 1]..];
        let within = line.char_indices().nth(at.column).map_or(line.len(), |(at, _)| at);
        self.lines[at.line - 1] + within
    }

    fn range(&self, node: &impl Spanned) -> Range<usize> {
        let span = node.span();
        self.offset(span.start())..self.offset(span.end())
    }

    fn text(&self, at: Range<usize>) -> String {
        self.source[at].to_owned()
    }

    /// Numbers and replacements of the mutants of a kind at a place.
    fn at(&self, genre: &str, at: &Range<usize>) -> Vec<(usize, String)> {
        let same = self.wanted.iter().filter(|wanted| wanted.genre == genre && wanted.at == *at);
        same.map(|wanted| (wanted.number, wanted.replacement.clone())).collect()
    }

    /// `(if is_mutant(1) { .. } else if is_mutant(2) { .. } else { as it is })`.
    fn choose(&mut self, whole: Range<usize>, variants: Vec<(usize, String)>) {
        if variants.is_empty() {
            return;
        }
        let mut text = String::from("(");
        for (number, variant) in variants {
            text += &format!("if crate::is_mutant({number}) {{ {variant} }} else ");
            self.done.insert(number);
        }
        text += "{ ";
        let parts = vec![Part::Text(text), Part::Kept(whole.clone()), Part::Text(" })".into())];
        self.edits.push(Edit { at: whole, parts });
    }

    fn insert(&mut self, at: usize, number: usize, text: String) {
        self.done.insert(number);
        self.edits.push(Edit { at: at..at, parts: vec![Part::Text(text)] });
    }

    /// Mutants of the operators of a chain, as a change of its text has them: `a && b || c` for `a && b && c`.
    fn operators(&self, chain: &syn::ExprBinary, whole: &Range<usize>, found: &mut Vec<(usize, String)>) {
        let op = self.range(&chain.op);
        for (number, replacement) in self.at("BinaryOperator", &op) {
            let (before, after) = (&self.source[whole.start..op.start], &self.source[op.end..whole.end]);
            found.push((number, format!("{before} {replacement} {after}")));
        }
        for side in [&chain.left, &chain.right] {
            if let syn::Expr::Binary(chain) = &**side {
                self.operators(chain, whole, found);
            }
        }
    }

    /// A chain without `let`; the operands of one with `let` are chains of their own.
    fn chain(&mut self, chain: &syn::ExprBinary) {
        if has_let(chain) {
            self.operands(chain);
            return;
        }
        let whole = self.range(chain);
        let mut found = Vec::new();
        self.operators(chain, &whole, &mut found);
        self.choose(whole, found);
        self.leaves(chain);
    }

    fn operands(&mut self, chain: &syn::ExprBinary) {
        for side in [&chain.left, &chain.right] {
            self.visit_expr(side);
        }
    }

    /// What a chain is made of, but for its own operators.
    fn leaves(&mut self, chain: &syn::ExprBinary) {
        for side in [&chain.left, &chain.right] {
            match &**side {
                syn::Expr::Binary(inner) => self.leaves(inner),
                other => self.visit_expr(other),
            }
        }
    }

    fn body(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let returns_unnamed = matches!(&signature.output, syn::ReturnType::Type(_, kind) if matches!(**kind, syn::Type::ImplTrait(_)));
        if signature.constness.is_some() {
            return;
        }
        if let (Some(first), Some(last), false) = (block.stmts.first(), block.stmts.last(), returns_unnamed) {
            let at = self.range(first).start..self.range(last).end;
            for (number, replacement) in self.at("FnValue", &at) {
                self.insert(
                    at.start,
                    number,
                    format!("if crate::is_mutant({number}) {{ return {replacement}; }}\n"),
                );
            }
        }
        syn::visit::visit_block(self, block);
    }

    /// The new text of a range.
    fn render(&self, range: Range<usize>, edits: &[Edit]) -> String {
        let mut text = String::new();
        let mut at = range.start;
        let mut rest = edits;
        while let [edit, later @ ..] = rest {
            // Edits inside of this one follow it; what is only inserted has none.
            let is_inside = |other: &&Edit| other.at.start < edit.at.end;
            let inside = later.iter().take_while(is_inside).count();
            text += &self.source[at..edit.at.start];
            for part in &edit.parts {
                match part {
                    Part::Text(own) => text += own,
                    Part::Kept(range) => text += &self.render(range.clone(), &later[..inside]),
                }
            }
            (at, rest) = (edit.at.end, &later[inside..]);
        }
        text + &self.source[at..range.end]
    }
}

fn has_let(chain: &syn::ExprBinary) -> bool {
    [&chain.left, &chain.right].into_iter().any(|side| match &**side {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(inner) => has_let(inner),
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Switches<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.sig, &item.block);
    }

    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}

    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}

    fn visit_expr_binary(&mut self, chain: &'ast syn::ExprBinary) {
        self.chain(chain);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let (whole, operand) = (self.range(unary), self.range(&unary.expr));
        let found = self.at("UnaryOperator", &self.range(&unary.op));
        let found = found.into_iter().map(|(number, _)| (number, self.text(operand.clone()))).collect();
        self.choose(whole, found);
        self.visit_expr(&unary.expr);
    }

    fn visit_expr_match(&mut self, item: &'ast syn::ExprMatch) {
        // Without an arm for all the rest a match that lacks one does not compile.
        let for_rest = |arm: &syn::Arm| matches!(arm.pat, syn::Pat::Wild(_)) && arm.guard.is_none();
        if item.arms.iter().any(for_rest) {
            for arm in &item.arms {
                for (number, _) in self.at("MatchArm", &self.range(arm)) {
                    let end = self.range(&arm.pat).end;
                    self.insert(end, number, format!(" if !crate::is_mutant({number})"));
                }
            }
        }
        syn::visit::visit_expr_match(self, item);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            let at = self.range(guard);
            let found = self.at("MatchArmGuard", &at);
            self.choose(at, found);
        }
        if let Some((_, guard)) = &arm.guard {
            self.visit_expr(guard);
        }
        self.visit_expr(&arm.body);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        let Some(rest) = &literal.rest else { return syn::visit::visit_expr_struct(self, literal) };
        let base = self.text(self.range(rest));
        for pair in literal.fields.pairs() {
            let field = pair.value();
            let end = pair.punct().map_or(self.range(*field).end, |comma| self.range(*comma).end);
            let syn::Member::Named(name) = &field.member else { continue };
            let value = self.range(&field.expr);
            for (number, _) in self.at("StructField", &(self.range(*field).start..end)) {
                self.done.insert(number);
                let name = if field.colon_token.is_none() { format!("{name}: ") } else { String::new() };
                let field_name = match &field.member {
                    syn::Member::Named(name) => name.to_string(),
                    syn::Member::Unnamed(_) => continue,
                };
                let text =
                    format!("{name}if crate::is_mutant({number}) {{ ({base}).{field_name} }} else {{ ");
                let parts = vec![Part::Text(text), Part::Kept(value.clone()), Part::Text(" }".into())];
                self.edits.push(Edit { at: value.clone(), parts });
            }
        }
        syn::visit::visit_expr_struct(self, literal);
    }
}

fn switched(source: &str, mutants: &[(usize, &Value)]) -> (String, BTreeSet<usize>) {
    let file = syn::parse_file(source).expect("a file that compiles");
    let mut switches = Switches {
        source,
        lines: lines_of(source),
        wanted: Vec::new(),
        edits: Vec::new(),
        done: BTreeSet::new(),
    };
    for (number, mutant) in mutants {
        // Columns of the list count from 1.
        let offset = |end: &str| {
            let at = &mutant["span"][end];
            let number = |key: &str| at[key].as_u64().expect("a number") as usize;
            switches.offset(LineColumn { line: number("line"), column: number("column") - 1 })
        };
        let at = offset("start")..offset("end");
        let text = |key: &str| mutant[key].as_str().unwrap_or_default().to_owned();
        let (genre, replacement) = (text("genre"), text("replacement"));
        switches.wanted.push(Wanted { number: *number, genre, at, replacement });
    }
    switches.visit_file(&file);
    let mut edits = std::mem::take(&mut switches.edits);
    // Outer ones first; those that were found first are outer where they are at the same place.
    edits.sort_by_key(|edit| (edit.at.start, std::cmp::Reverse(edit.at.end)));
    (switches.render(0..source.len(), &edits), switches.done)
}

/// Numbers of the mutants that the compiler complains of, as `cargo --message-format json` says it: of each error the last
/// switch before it.
fn complained_of(root: &str) -> BTreeSet<usize> {
    let mut numbers = BTreeSet::new();
    for line in std::io::stdin().lines() {
        let message: Value = serde_json::from_str(&line.expect("text")).unwrap_or_default();
        if message["message"]["level"] != "error" {
            continue;
        }
        for span in message["message"]["spans"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|span| span["is_primary"] == true)
        {
            let (file, at) =
                (span["file_name"].as_str().unwrap_or_default(), span["byte_start"].as_u64().unwrap_or(0));
            let text = std::fs::read_to_string(format!("{root}/{file}")).unwrap_or_default();
            let before = text.get(..at as usize).unwrap_or_default();
            let number: Option<usize> =
                before.rsplit_once("is_mutant(").and_then(|(_, after)| after.split_once(')')?.0.parse().ok());
            numbers.extend(number);
        }
    }
    numbers
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (list, root) = (arguments.next().expect("a list"), arguments.next().expect("a folder"));
    if list == "--complaints" {
        complained_of(&root).iter().for_each(|number| println!("{number}"));
        return;
    }
    let left_out: BTreeSet<usize> = arguments.map(|number| number.parse().expect("a number")).collect();
    let list: Value = serde_json::from_str(&std::fs::read_to_string(list).expect("the list")).expect("JSON");
    let mut files: BTreeMap<&str, Vec<(usize, &Value)>> = BTreeMap::new();
    for (number, mutant) in list.as_array().expect("a list").iter().enumerate() {
        if !left_out.contains(&number) {
            files.entry(mutant["file"].as_str().expect("a file")).or_default().push((number, mutant));
        }
    }
    for (file, mutants) in files {
        let path = format!("{root}/{file}");
        let source = std::fs::read_to_string(&path).expect("the file");
        let (text, done) = switched(&source, &mutants);
        std::fs::write(&path, text).expect("room for the file");
        done.iter().for_each(|number| println!("{number}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(genre: &str, (line, from, to): (u64, u64, u64), replacement: &str) -> Value {
        let end = |column: u64| serde_json::json!({ "line": line, "column": column });
        let span = serde_json::json!({ "start": end(from), "end": end(to) });
        serde_json::json!({ "genre": genre, "span": span, "replacement": replacement })
    }

    #[test]
    fn an_operator_is_replaced_in_the_text_of_its_chain() {
        let source = "fn f(a: bool) -> bool {\n    a && !a && g(1 + 2)\n}\n";
        let mutants = [
            mutant("FnValue", (2, 5, 24), "true"),
            mutant("BinaryOperator", (2, 7, 9), "||"),
            mutant("UnaryOperator", (2, 10, 11), ""),
            mutant("BinaryOperator", (2, 20, 21), "-"),
        ];
        let numbered: Vec<(usize, &Value)> = mutants.iter().enumerate().collect();
        let (text, done) = switched(source, &numbered);
        let expected = "fn f(a: bool) -> bool {
    (if crate::is_mutant(1) { a  ||  !a && g(1 + 2) } else { if crate::is_mutant(0) { return true; }
a && (if crate::is_mutant(2) { a } else { !a }) && g((if crate::is_mutant(3) { 1  -  2 } else { 1 + 2 })) })
}
";
        assert_eq!((text.as_str(), done.len()), (expected, 4));
    }
}
