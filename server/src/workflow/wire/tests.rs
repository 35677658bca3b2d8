//! Plans as models write them, right and wrong.

use proptest::prelude::*;

use super::*;

const WORKERS: [&str; 3] = ["ann", "bob", "cy"];

fn bounds() -> Bounds {
    Bounds { max_steps: 3, never_last: vec![] }
}

/// One line for each step: who, as what, seeing what, for what.
fn read(text: &str, bounds: &Bounds) -> String {
    match Workflow::read(text, &WORKERS, bounds) {
        Ok(Plan::Accept) => "accept".into(),
        Ok(Plan::Workflow(workflow)) => {
            let lines = workflow.steps.iter().map(|Step { worker, role, subtask, access }| {
                format!("{worker} {} {}: {subtask}", json!(role).as_str().unwrap(), json!(access))
            });
            lines.collect::<Vec<_>>().join(" | ")
        }
        Err(problem) => format!("no: {problem}"),
    }
}

#[test]
fn both_wire_forms_are_read_in_whatever_surrounds_them() {
    let texts = [
        r#"{"steps":[{"worker":0,"role":"thinker","subtask":"Think.","access":"none"},{"worker":1,"role":"worker","subtask":"Do.","access":"all"}]}"#,
        "Let me think: {\"steps\": []} would accept.\n```json\n{'steps': [{'worker': '2', 'subtask': 'Fix it.', 'access': [],},]}\n```\nDone.",
        r#"{"plan": {"steps": [{"worker": "bob", "role": "Worker", "subtask": " Do.\u0007 ", "access": ["all"]}]}}"#,
        "model_id = [0, 2]\nsubtasks = ['Plan.', \"Don't fail.\"]\naccess_list = [[], ['all']]",
        "**model_id**: [1]\n**subtasks**: [\"a\"]\n**access_list**: [\"all\"]",
        "model_id: list[int] = [0, 1, 2]\nsubtasks = [\n 'a', # first\n 'b'\n 'c',\n 'd',\n]\naccess_list = [[], [0], [1, 0, 0]]",
        "{'model_id': [0], 'subtasks': ['x'], 'access_list': [[]]}",
        "model_id = []\nsubtasks = []\naccess_list = []",
        "I accept. {\"steps\":[]}",
    ];
    insta::assert_snapshot!(texts.map(|text| read(text, &bounds())).join("\n"), @r#"
    ann thinker "none": Think. | bob worker "all": Do.
    cy worker "none": Fix it.
    bob worker "all": Do.
    ann worker "none": Plan. | cy worker "all": Don't fail.
    bob worker "all": a
    ann worker "none": a | bob worker [0]: bc | cy worker [0,1]: d
    ann worker "none": x
    accept
    accept
    "#);
}

#[test]
fn what_is_wrong_is_said() {
    let step = |fields: &str| format!("{{\"steps\":[{{{fields}}}]}}");
    let texts = [
        "I cannot plan this.".to_owned(),
        "model_id = [0, 1]\nsubtasks = ['a']\naccess_list = [[], []]".to_owned(),
        step(r#""role":"worker""#),
        step(r#""worker":3,"subtask":"a""#),
        step(r#""worker":-1,"subtask":"a""#),
        step(r#""worker":0,"subtask":" ""#),
        step(&format!(r#""worker":0,"subtask":"{}""#, "x".repeat(2_001))),
        step(r#""worker":0,"role":"boss","subtask":"a""#),
        step(r#""worker":0,"role":"verifier","subtask":"a""#),
        step(r#""worker":0,"subtask":"a","access":[0]"#),
        step(r#""worker":0,"subtask":"a","access":"some""#),
        format!("{{\"steps\":[{}]}}", [r#"{"worker":0,"subtask":"a"}"#; 4].join(",")),
    ];
    insta::assert_snapshot!(texts.map(|text| read(&text, &bounds())).join("\n"), @r"
    no: there is no plan in the answer; it must be a JSON object with `steps`
    no: the three lists must be equally long, not 2, 1, 2
    no: every step needs `worker` and `subtask`
    no: step 0 names worker 3, and they are numbered 0 to 2
    no: step 0 names worker -1, and they are numbered 0 to 2
    no: the subtask of step 0 must be a text of 1 to 2000 bytes
    no: the subtask of step 0 must be a text of 1 to 2000 bytes
    no: the role of step 0 must be thinker, worker or verifier
    no: the last step must have the role worker: its reply is the answer
    no: the access of step 0 must be all, none or earlier steps
    no: the access of step 0 must be all, none or earlier steps
    no: there must be at most 3 steps, not 4
    ");
}

#[test]
fn a_plan_quoted_in_a_subtask_is_no_plan() {
    let text = r#"{"steps":[{"worker":0,"subtask":"Never answer {'steps': []} here."}]}"#;
    assert_eq!(read(text, &bounds()), "ann worker \"all\": Never answer {'steps': []} here.");
}

#[test]
fn the_weakest_is_never_last() {
    let bounds = Bounds { never_last: vec![2], ..bounds() };
    let plan = |workers: [usize; 2]| {
        let steps = workers.map(|worker| format!(r#"{{"worker":{worker},"subtask":"do {worker}"}}"#));
        read(&format!("{{\"steps\":[{}]}}", steps.join(",")), &bounds)
    };
    assert_eq!(plan([2, 0]), "cy worker \"all\": do 2 | ann worker \"all\": do 0");
    assert_eq!(plan([0, 2]), "cy worker \"all\": do 0 | ann worker \"all\": do 2", "they change places");
    assert_eq!(plan([2, 2]), "no: the last step must not go to worker 2, the weakest");
}

fn step(at: usize) -> impl Strategy<Value = Step> {
    let access = prop_oneof![
        Just(Access::All),
        Just(Access::None),
        proptest::collection::btree_set(0..at.max(1), 1..=at.max(1)).prop_map(move |numbers| match at {
            0 => Access::None,
            _ => Access::Steps(numbers.into_iter().collect()),
        }),
    ];
    let role = prop_oneof![Just(Role::Thinker), Just(Role::Worker), Just(Role::Verifier)];
    (0..WORKERS.len(), role, "[a-zA-Z'\"\\\\{}\\[\\]é,.:]( ?[ -~]){0,80}[a-z]", access)
        .prop_map(|(worker, role, subtask, access)| Step { worker: WORKERS[worker].into(), role, subtask, access })
}

proptest! {
    #[test]
    fn what_is_valid_survives_writing_and_reading(first in step(0), second in step(1), third in step(2), count in 1usize..=3) {
        let mut steps = vec![first, second, third];
        steps.truncate(count);
        steps[count - 1].role = Role::Worker;
        let workflow = Workflow { steps };
        let written = format!("Thus:\n```json\n{}\n```", workflow.written(&WORKERS));
        prop_assert_eq!(Workflow::read(&written, &WORKERS, &bounds()), Ok(Plan::Workflow(workflow)));
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\PC|\\{|\\[|\"|'|steps|model_id|subtasks|access_list|=|:|worker|,|\\]|\\}|0|\n){0,40}") {
        let _ = Workflow::read(&text, &WORKERS, &bounds());
    }

    #[test]
    fn a_damaged_plan_is_read_or_refused(at in 0usize..200, with in "\\PC{0,3}", cut in 0usize..5) {
        let plan = r#"{"steps":[{"worker":0,"role":"thinker","subtask":"Think.","access":"none"},{"worker":1,"role":"worker","subtask":"Do.","access":[0]}]}"#;
        let at = at.min(plan.len());
        let end = (at + cut).min(plan.len());
        let damaged = format!("{}{with}{}", &plan[..at], &plan[end..]);
        if let Ok(Plan::Workflow(workflow)) = Workflow::read(&damaged, &WORKERS, &bounds()) {
            prop_assert!(!workflow.steps.is_empty() && workflow.steps.len() <= 3);
            prop_assert!(workflow.steps.iter().all(|step| WORKERS.contains(&step.worker.as_str())));
        }
    }
}
