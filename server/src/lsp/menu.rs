//! Code actions: what the menu offers at a place. Answered from the text nearby, in milliseconds;
//! every action is only a command, so offering it costs nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use baton_grammars::{Item, ItemKind, Language, by_alias, by_path};
use tower_lsp_server::ls_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, CodeActionParams, CodeActionTriggerKind, Command, Diagnostic,
    NumberOrString, Range, TextDocumentIdentifier, TextDocumentItem,
};

use super::command::{Argument, Verb};
use super::folders::path_of;
use super::session::{State, lsp_range, place};
use super::settings::trusted;
use crate::task::Goal;
use crate::workspace::item_near;

/// Longest part of a diagnostic's message that fits a title, in characters.
const MESSAGE: usize = 60;

/// Every kind of action that is offered.
pub const KINDS: [CodeActionKind; 4] = [
    CodeActionKind::QUICKFIX,
    CodeActionKind::REFACTOR_REWRITE,
    CodeActionKind::REFACTOR_EXTRACT,
    CodeActionKind::REFACTOR_INLINE,
];
/// What a menu's own refactorings ask for.
const EXTRACT: &str = "Extract the selected code into a function of its own with a good name, and call it there.";
const INLINE: &str = "Replace every call of this function in this file by its body, and remove the function.";

/// What is offered at this place; nothing where the language is unknown or the text was lost.
pub fn actions(state: &State, params: CodeActionParams) -> Vec<CodeActionOrCommand> {
    let Some(offers) = offers(state, &params, trusted) else { return Vec::new() };
    let wanted = |kind: &CodeActionKind| {
        let only = params.context.only.as_deref();
        only.is_none_or(|only| only.iter().any(|asked| covers(asked, kind)))
    };
    offers.into_iter().filter(|offer| wanted(&offer.kind)).map(|offer| offer.into_action(state)).collect()
}

/// One line of the menu.
struct Offer {
    title: String,
    kind: CodeActionKind,
    verb: Verb,
    argument: Argument,
    diagnostics: Vec<Diagnostic>,
}

fn offers(state: &State, params: &CodeActionParams, trusted: impl Fn(&Path) -> bool) -> Option<Vec<Offer>> {
    let document = &params.text_document;
    let open = state.documents.get(&document.uri)?;
    let text = open.document.text().ok()?;
    let file = path_of(&document.uri)?;
    let language = language(&file, &open.language)?;
    let diagnostics = &params.context.diagnostics;
    // Editors ask by themselves at every move of the caret; a lamp on every function would be noise.
    let automatic = params.context.trigger_kind == Some(CodeActionTriggerKind::AUTOMATIC);
    if automatic && diagnostics.is_empty() {
        return None;
    }
    let encoding = state.abilities.encoding;
    let caret = text.char_to_byte(encoding.nearest(text, place(params.range.start)));
    let item = item_near(text, language, caret);
    let whole = item.as_ref().map(|item| {
        let position = |byte| encoding.position(text, byte);
        lsp_range(position(item.range.start), position(item.range.end))
    });
    let (folder, _) = state.folders.around(&file)?;
    if !trusted(&folder.root) {
        return (!automatic).then(|| vec![trust_first(document, item.as_ref(), diagnostics)]);
    }
    let mut offers = Vec::new();
    if let Some(range) = around(diagnostics) {
        let mut argument = Argument::about(document.clone(), Some(range));
        argument.diagnostics = diagnostics.iter().map(said).collect();
        offers.push(Offer {
            title: fix_title(diagnostics),
            kind: CodeActionKind::QUICKFIX,
            verb: Verb::Do(Goal::Fix),
            argument,
            diagnostics: diagnostics.clone(),
        });
    }
    if automatic {
        return Some(offers);
    }
    let about = |title: String, kind, goal, range| Offer {
        title,
        kind,
        verb: Verb::Do(goal),
        argument: Argument::about(document.clone(), Some(range)),
        diagnostics: Vec::new(),
    };
    let selected = params.range.start.line != params.range.end.line;
    if let (Some(Item { name, kind, .. }), Some(whole)) = (&item, whole) {
        let part = if selected { params.range } else { whole };
        // A heading or a key fails no test.
        if *kind != ItemKind::Section {
            offers.push(about(format!("Fix `{name}` with Baton"), CodeActionKind::QUICKFIX, Goal::Fix, whole));
        }
        let rewrite = CodeActionKind::REFACTOR_REWRITE;
        offers.push(about(format!("Edit `{name}` with Baton…"), rewrite.clone(), Goal::Edit, part));
        // A refactoring is of code: what a text does cannot stay the same.
        if *kind != ItemKind::Section {
            offers.push(about(format!("Refactor `{name}` with Baton…"), rewrite, Goal::Refactor, part));
        }
        let worded = |title, kind, words: &str, range| {
            let mut offer = about(title, kind, Goal::Refactor, range);
            offer.argument.instruction = Some(words.to_owned());
            offer
        };
        if [ItemKind::Function, ItemKind::Method].contains(kind) {
            let inline = CodeActionKind::REFACTOR_INLINE;
            match selected {
                true => {
                    let title = "Extract selection into a function with Baton".to_owned();
                    offers.push(worded(title, CodeActionKind::REFACTOR_EXTRACT, EXTRACT, part));
                }
                false => offers.push(worded(format!("Inline `{name}` with Baton"), inline, INLINE, whole)),
            }
        }
    } else if selected {
        let title = "Edit selection with Baton…".to_owned();
        offers.push(about(title, CodeActionKind::REFACTOR_REWRITE, Goal::Edit, params.range));
    }
    Some(offers)
}

/// The one thing that is offered in a folder that is not trusted: it runs nothing and sends nothing.
fn trust_first(document: &TextDocumentIdentifier, item: Option<&Item>, diagnostics: &[Diagnostic]) -> Offer {
    let what = item.map_or("this file".to_owned(), |item| format!("`{}`", item.name));
    let fix = !diagnostics.is_empty();
    Offer {
        title: format!("Trust this folder, so that Baton can fix {what}…"),
        kind: if fix { CodeActionKind::QUICKFIX } else { CodeActionKind::REFACTOR_REWRITE },
        verb: Verb::Trust,
        argument: Argument::about(document.clone(), None),
        diagnostics: diagnostics.to_vec(),
    }
}

fn fix_title(diagnostics: &[Diagnostic]) -> String {
    let [one] = diagnostics else { return format!("Fix {} problems with Baton", diagnostics.len()) };
    let line = one.message.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(MESSAGE).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    format!("Fix with Baton: {shown}")
}

/// A diagnostic in words: its message, then which tool says it and by which rule, as far as that is known.
fn said(diagnostic: &Diagnostic) -> String {
    let code = diagnostic.code.as_ref().map(|code| match code {
        NumberOrString::Number(number) => number.to_string(),
        NumberOrString::String(name) => name.clone(),
    });
    let whose: Vec<String> = diagnostic.source.iter().cloned().chain(code).collect();
    let message = &diagnostic.message;
    if whose.is_empty() { message.clone() } else { format!("{message} ({})", whose.join(" ")) }
}

/// The range from the first diagnostic to the last.
fn around(diagnostics: &[Diagnostic]) -> Option<Range> {
    let start = diagnostics.iter().map(|d| d.range.start).min()?;
    let end = diagnostics.iter().map(|d| d.range.end).max()?;
    Some(Range { start, end })
}

/// Prepares the language of a document that was opened, once, beside everything else: the first menu has no time for it.
pub fn warm(document: &TextDocumentItem) {
    static BEGUN: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let language = path_of(&document.uri).and_then(|file| language(&file, &document.language_id));
    let Some(language) = language else { return };
    if BEGUN.lock().unwrap_or_else(PoisonError::into_inner).insert(language.id) {
        // Without a thread the first menu does it.
        let _ = std::thread::Builder::new().name("warm".into()).spawn(|| language.warm());
    }
}

/// The language of a file by its name, else by what the editor calls it.
pub fn language(file: &Path, editor_name: &str) -> Option<&'static Language> {
    by_path(file).or_else(|| by_alias(editor_name))
}

/// Whether a client that asks for `asked` wants `kind`: kinds are paths with dots.
fn covers(asked: &CodeActionKind, kind: &CodeActionKind) -> bool {
    let (asked, kind) = (asked.as_str(), kind.as_str());
    asked.is_empty() || kind.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Offer {
    fn into_action(self, state: &State) -> CodeActionOrCommand {
        let argument = serde_json::to_value(&self.argument).expect("an argument is plain data");
        let command = Command::new(self.title.clone(), self.verb.command().to_owned(), Some(vec![argument]));
        if !state.abilities.code_actions {
            return CodeActionOrCommand::Command(command);
        }
        CodeActionOrCommand::CodeAction(CodeAction {
            title: self.title,
            kind: Some(self.kind),
            diagnostics: (!self.diagnostics.is_empty()).then_some(self.diagnostics),
            command: Some(command),
            ..CodeAction::default()
        })
    }
}
