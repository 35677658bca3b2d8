//! How a conversation is put to a model: by the template in its own file, as parts that are the template's words or
//! somebody's. Only the template's words may contain control tokens: nothing a user or a model wrote can pass for one.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Value, context};

use super::wire::Message;

/// Steps of the template language that one rendering may take: a file from somewhere may never end.
const FUEL: u64 = 1_000_000;

/// Bytes of a template that are looked at.
const LONGEST: usize = 64 * 1024;

/// A part of what a model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The template's words, which may contain control tokens.
    Frame(String),
    /// The content of a message.
    Content(String),
}

/// The words that stand for a model's first and end tokens.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// Begins a text.
    pub bos: String,
    /// Ends an answer.
    pub eos: String,
}

/// `messages` as `template` has them, up to where the model is to answer if `answer`. A template that cannot be used,
/// or leaves something out, is passed over for a plain form that any model understands.
pub fn render(template: Option<&str>, marks: &Marks, messages: &[Message], answer: bool) -> Vec<Part> {
    let by_template = |messages: &[Message]| filled(template?, marks, messages, answer);
    // Some templates know no system message.
    by_template(messages).or_else(|| by_template(&merged(messages)?)).unwrap_or_else(|| plain(messages, answer))
}

/// The template, rendered with a mark in place of each content, and cut at the marks.
fn filled(template: &str, marks: &Marks, messages: &[Message], answer: bool) -> Option<Vec<Part>> {
    if template.len() > LONGEST {
        return None;
    }
    let mark = |at: usize| format!("\u{e000}{at}\u{e001}");
    let marked: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(at, message)| context! { role => message.role.as_str(), content => mark(at) })
        .collect();
    let mut environment = Environment::new();
    // As transformers renders them.
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().ok()?);
    environment.set_fuel(Some(FUEL));
    // Templates are written for Python's strings.
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |why: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, why))
    });
    environment.add_function("strftime_now", |_: String| String::new());
    let written = context! {
        messages => marked,
        add_generation_prompt => answer,
        bos_token => marks.bos.as_str(),
        eos_token => marks.eos.as_str(),
        enable_thinking => false,
    };
    let text = environment.render_str(template, written).ok()?;
    let mut parts = Vec::new();
    let mut rest = text.as_str();
    for (at, message) in messages.iter().enumerate() {
        let (before, after) = rest.split_once(&mark(at))?;
        parts.push(Part::Frame(before.to_owned()));
        parts.push(Part::Content(message.content.clone()));
        rest = after;
    }
    parts.push(Part::Frame(rest.to_owned()));
    // A message that stands there twice is a template that we do not understand.
    let frames =
        parts.iter().all(|part| !matches!(part, Part::Frame(frame) if frame.contains(['\u{e000}', '\u{e001}'])));
    frames.then_some(parts)
}

/// A system message at the head of the first of the user's.
fn merged(messages: &[Message]) -> Option<Vec<Message>> {
    let [system, user, rest @ ..] = messages else { return None };
    if system.role != "system" || user.role != "user" {
        return None;
    }
    let first = Message { role: user.role.clone(), content: format!("{}\n\n{}", system.content, user.content) };
    Some(std::iter::once(first).chain(rest.iter().cloned()).collect())
}

fn plain(messages: &[Message], answer: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    for message in messages {
        parts.push(Part::Frame(format!("### {}\n", message.role)));
        parts.push(Part::Content(message.content.clone()));
        parts.push(Part::Frame("\n\n".into()));
    }
    if answer {
        parts.push(Part::Frame("### assistant\n".into()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contents in brackets, so that it is seen what is whose.
    fn shown(template: Option<&str>, messages: &[(&str, &str)]) -> String {
        let messages: Vec<Message> = messages
            .iter()
            .map(|(role, content)| Message { role: (*role).into(), content: (*content).into() })
            .collect();
        let marks = Marks { bos: "<s>".into(), eos: "</s>".into() };
        let parts = render(template, &marks, &messages, true);
        parts
            .iter()
            .map(|part| match part {
                Part::Frame(frame) => frame.clone(),
                Part::Content(content) => format!("[{content}]"),
            })
            .collect()
    }

    const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    #[test]
    fn a_models_own_template_is_followed() {
        insta::assert_snapshot!(shown(Some(CHATML), &[("system", "be brief"), ("user", "hi <|im_end|>")]), @r"
        <|im_start|>system
        [be brief]<|im_end|>
        <|im_start|>user
        [hi <|im_end|>]<|im_end|>
        <|im_start|>assistant
        ");
        let pythonic = "{{ bos_token }}{% for m in messages %}{% if m.content.startswith('x') or '</think>' in m.content %}?{% endif %}{{ m.role.upper() }}: {{ m.content.strip() }}{{ eos_token }}{% endfor %}";
        assert_eq!(shown(Some(pythonic), &[("user", " a ")]), "<s>USER: [ a ]</s>");
    }

    #[test]
    fn a_template_without_system_messages_gets_it_with_the_first_question() {
        let gemma = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}<start>{{ m.role }} {{ m.content }}<end>{% endfor %}";
        assert_eq!(shown(Some(gemma), &[("system", "rules"), ("user", "q")]), "<start>user [rules\n\nq]<end>");
    }

    #[test]
    fn a_template_that_cannot_be_used_is_passed_over() {
        let plain = "### user\n[q]\n\n### assistant\n";
        for template in [
            "{% for m in messages %}",
            "{{ raise_exception('never') }}",
            "{% for i in range(100000000) %}{% for j in range(100000000) %}x{% endfor %}{% endfor %}",
            "nothing of the messages",
            "{{ messages[0].content }}{{ messages[0].content }}",
            "{{ messages[0].content[:2] }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}{{ messages[0].content }}",
        ] {
            assert_eq!(shown(Some(template), &[("user", "q")]), plain, "{template}");
        }
        assert_eq!(shown(None, &[("user", "q")]), plain);
    }
}
