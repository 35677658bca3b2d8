//! The plans that can be written at all: with it even a model that understands nothing writes a valid one.

use crate::workflow::Bounds;

/// Characters of a subtask at most: a plan that goes on for ever ends here.
const SUBTASK: usize = 240;

/// GBNF for a plan over `workers` workers; `accept`: whether a plan without steps is one.
pub(super) fn gbnf(workers: usize, bounds: &Bounds, accept: bool) -> String {
    let number = |numbers: Vec<usize>| {
        let quoted: Vec<String> = numbers.iter().map(|number| format!("\"{number}\"")).collect();
        quoted.join(" | ")
    };
    let all: Vec<usize> = (0..workers).collect();
    let last: Vec<usize> = all.iter().copied().filter(|number| !bounds.never_last.contains(number)).collect();
    let earlier = match bounds.max_steps.saturating_sub(1) {
        0 => String::new(),
        steps => format!("(any \",\"){{0,{steps}}} "),
    };
    let empty = if accept { "\"\" | " } else { "" };
    format!(
        r#"root ::= "{{\"steps\":[" plan "]}}"
plan ::= {empty}{earlier}last
any ::= "{{\"worker\":" worker ",\"role\":\"" role rest
last ::= "{{\"worker\":" final ",\"role\":\"worker" rest
rest ::= "\",\"subtask\":\"" subtask "\",\"access\":\"" access "\"}}"
worker ::= {all}
final ::= {last}
role ::= "thinker" | "worker" | "verifier"
subtask ::= [^ "\\\x00-\x1f\x7f] [^"\\\x00-\x1f\x7f]{{3,{SUBTASK}}}
access ::= "all" | "none"
"#,
        all = number(all),
        last = number(last),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_workers_and_the_steps() {
        insta::assert_snapshot!(gbnf(3, &Bounds { max_steps: 4, never_last: vec![1] }, true), @r#"
        root ::= "{\"steps\":[" plan "]}"
        plan ::= "" | (any ","){0,3} last
        any ::= "{\"worker\":" worker ",\"role\":\"" role rest
        last ::= "{\"worker\":" final ",\"role\":\"worker" rest
        rest ::= "\",\"subtask\":\"" subtask "\",\"access\":\"" access "\"}"
        worker ::= "0" | "1" | "2"
        final ::= "0" | "2"
        role ::= "thinker" | "worker" | "verifier"
        subtask ::= [^ "\\\x00-\x1f\x7f] [^"\\\x00-\x1f\x7f]{3,240}
        access ::= "all" | "none"
        "#);
        let single = gbnf(1, &Bounds { max_steps: 1, never_last: vec![] }, false);
        assert!(single.contains("\nplan ::= last\n"), "{single}");
    }
}
