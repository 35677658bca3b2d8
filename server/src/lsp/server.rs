//! The protocol's methods. Each changes state or answers at once; what takes longer is a [`Job`].

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower_lsp_server::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp_server::ls_types::{
    CodeActionParams, CodeActionResponse, ConfigurationItem, DidChangeConfigurationParams,
    DidChangeWorkspaceFoldersParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, ExecuteCommandParams,
    InitializeParams, InitializeResult, InitializedParams, LSPAny, MessageActionItem, MessageType, NumberOrString,
    Registration, ServerInfo, WorkDoneProgressCancelParams,
};
use tower_lsp_server::{Client, LanguageServer};

use super::abilities::Abilities;
use super::command::{self, Argument, Verb};
use super::folders::{Folder, Folders, path_of};
use super::job::Job;
use super::session::{Session, Shared, State, place};
use super::{memory, menu, parent, settings, status};
use crate::task::{Allowed, Budget, Focus, Goal, Task};
use crate::workspace::{Snapshot, item_near};

/// The server's half of one connection.
pub struct Server {
    client: Client,
    session: Shared,
    /// Told when the editor's process is gone.
    orphaned: std::sync::Arc<Notify>,
}

impl Server {
    /// A server that has not been initialized yet.
    pub fn new(client: Client, session: Shared, orphaned: std::sync::Arc<Notify>) -> Self {
        Self { client, session, orphaned }
    }

    /// The user presses the cancel button of a progress display.
    pub async fn cancel_progress(&self, params: WorkDoneProgressCancelParams) {
        if let NumberOrString::String(job) = params.token
            && let Some(cancel) = self.session.state().jobs.get(&job)
        {
            cancel.cancel();
        }
    }

    /// Says something later, so that no handler waits for the client.
    fn tell(&self, kind: MessageType, text: String) {
        let client = self.client.clone();
        tokio::spawn(async move { client.show_message(kind, text).await });
    }

    /// Asks whether the folder is to be trusted, and remembers the answer.
    fn ask_for_trust(&self, folder: Folder) {
        let client = self.client.clone();
        tokio::spawn(async move {
            let question = format!(
                "Do you trust {}? Baton would run its tests in a sandbox and may show its text to the models you configured.",
                folder.named.display()
            );
            let yes = "Trust this folder";
            let choice = |title: &str| MessageActionItem { title: title.to_owned(), properties: Default::default() };
            let choices = vec![choice(yes), choice("No")];
            let (kind, said) = match client.show_message_request(MessageType::WARNING, question, Some(choices)).await {
                Ok(Some(chosen)) if chosen.title == yes => match settings::trust(&folder.root) {
                    Ok(()) => (MessageType::INFO, format!("Baton trusts {} from now on.", folder.named.display())),
                    Err(why) => (MessageType::ERROR, format!("Baton could not write that down: {why}.")),
                },
                Ok(_) => return,
                Err(_) => (MessageType::WARNING, untrusted(&folder)),
            };
            client.show_message(kind, said).await;
        });
    }

    /// Begins a job and gives its name.
    fn begin(&self, goal: Goal, argument: &Argument) -> std::result::Result<String, Refusal> {
        let mut state = self.session.state();
        let uri = &argument.text_document.uri;
        let file = path_of(uri).ok_or_else(|| format!("{} is not a file on disk; save it first", uri.as_str()))?;
        let (folder, path) =
            state.folders.around(&file).ok_or_else(|| format!("{} has no usable path", file.display()))?;
        if !settings::trusted(&folder.root) {
            return Err(Refusal { sentence: untrusted(&folder), untrusted: true });
        }
        if goal != Goal::Ask && !state.abilities.apply_edit {
            let sentence = "this editor takes no edits from a server (workspace.applyEdit); use `baton fix` in a shell";
            return Err(sentence.to_owned().into());
        }
        if goal == Goal::Ask && argument.instruction.as_deref().is_none_or(|text| text.trim().is_empty()) {
            return Err("baton.ask needs the question in `instruction`".to_owned().into());
        }
        if let Some(Err(problem)) = state.documents.get(uri).map(|open| open.document.text()) {
            return Err(format!("the text of {path} was lost ({problem}); close and open it").into());
        }
        let engine = state.settings.engine()?;
        let snapshot = state.snapshot(&folder);
        let (focus, subject) = focus(&state, argument, &snapshot, path, &file)?;
        let budget = engine.config().budget;
        let task = Task {
            goal,
            focus,
            instruction: argument.instruction.clone().unwrap_or_default(),
            test: argument.test()?,
            tier: argument.tier.unwrap_or(engine.config().tier),
            policy: None,
            depth: None,
            run: None,
            conversation: None,
            budget: Budget {
                time: Duration::try_from_secs_f64(budget.max_seconds).unwrap_or(Duration::MAX),
                usd: budget.max_usd,
            },
            // An editor names workers in its settings.
            allowed: Allowed::default(),
            snapshot,
        };
        state.begun += 1;
        let id = format!("baton/{}", state.begun);
        let cancel = CancellationToken::new();
        state.jobs.insert(id.clone(), cancel.clone());
        state.changed.notify_one();
        drop(state);
        Job { id: id.clone(), subject, task, engine, folder, cancel }.start(self.session.clone(), self.client.clone());
        Ok(id)
    }
}

/// What an argument is about: its selection, the item around its caret or its line; and the name for it.
fn focus(
    state: &State,
    argument: &Argument,
    snapshot: &Snapshot,
    path: crate::workspace::RelPath,
    file: &Path,
) -> std::result::Result<(Focus, String), String> {
    let text = snapshot.read(&path).map_err(|e| e.to_string())?;
    let diagnostics = argument.diagnostics.clone();
    let Some(range) = argument.range else {
        let subject = path.to_string();
        return Ok((Focus { path, range: None, diagnostics }, subject));
    };
    let rope = ropey::Rope::from_str(&text);
    let encoding = state.abilities.encoding;
    let byte = |position| rope.char_to_byte(encoding.nearest(&rope, place(position)));
    let (start, end) = (byte(range.start), byte(range.end));
    if end < start {
        return Err("`range` ends before it starts".into());
    }
    let language = state.documents.get(&argument.text_document.uri).map_or("", |open| &open.language);
    let item = menu::language(file, language).and_then(|language| item_near(&rope, language, start));
    let subject = item.as_ref().map_or_else(|| path.to_string(), |item| format!("`{}`", item.name));
    let range = match item {
        _ if start < end => start..end,
        Some(item) => item.range,
        None => {
            let line = rope.byte_to_line(start);
            rope.line_to_byte(line)..rope.line_to_byte(line + 1).max(start)
        }
    };
    Ok((Focus { path, range: Some(range), diagnostics }, subject))
}

fn untrusted(folder: &Folder) -> String {
    let path = folder.named.display();
    format!("{path} is not trusted, so nothing was run or sent; look at what is in it, then run `baton trust {path}`")
}

/// Why a command is not done.
struct Refusal {
    /// For the user.
    sentence: String,
    /// Trust is all that is missing.
    untrusted: bool,
}

impl From<String> for Refusal {
    fn from(sentence: String) -> Self {
        Self { sentence, untrusted: false }
    }
}

fn refused(refusal: impl Into<Refusal>) -> Error {
    let Refusal { sentence, untrusted } = refusal.into();
    // RequestFailed: well-formed, but it cannot be done.
    let data = untrusted.then(|| json!({"untrusted": true}));
    Error { code: ErrorCode::ServerError(-32803), message: sentence.into(), data }
}

/// Asks the client for its settings.
async fn pull_settings(client: &Client, session: &Session) {
    let section = ConfigurationItem { scope_uri: None, section: Some("baton".into()) };
    let Ok(answers) = client.configuration(vec![section]).await else { return };
    let problem = answers.first().and_then(|sent| session.state().receive(sent));
    if let Some(problem) = problem {
        client.show_message(MessageType::WARNING, problem).await;
    }
}

impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let abilities = Abilities::of(&params);
        {
            let mut state = self.session.state();
            state.abilities = abilities;
            state.folders = Folders::of(&params);
        }
        if let Some(process) = params.process_id {
            let orphaned = self.orphaned.clone();
            parent::watch(process, move || orphaned.notify_one());
        }
        if let Some(options) = &params.initialization_options
            && let Some(problem) = self.session.state().receive(options)
        {
            self.tell(MessageType::WARNING, problem);
        }
        Ok(InitializeResult {
            capabilities: abilities.offer(),
            server_info: Some(ServerInfo { name: "baton".into(), version: Some(env!("CARGO_PKG_VERSION").into()) }),
            ..InitializeResult::default()
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        let (abilities, problem) = {
            let state = self.session.state();
            (state.abilities, state.settings.problem())
        };
        if let Some(problem) = problem {
            self.tell(MessageType::ERROR, problem);
        }
        let (client, session) = (self.client.clone(), self.session.clone());
        tokio::spawn(async move {
            if abilities.configuration {
                pull_settings(&client, &session).await;
            }
            if abilities.register_configuration {
                let method = "workspace/didChangeConfiguration".to_owned();
                let register_options = Some(json!({"section": "baton"}));
                let registration = Registration { id: "settings".into(), method, register_options };
                // A client that refuses still pulls and restarts; there is nothing to say.
                let _ = client.register_capability(vec![registration]).await;
            }
            if abilities.status {
                tokio::spawn(status::tell(client, session));
            }
            memory::forget_code();
        });
    }

    async fn shutdown(&self) -> Result<()> {
        self.session.state().shut_down = true;
        self.session.cancel_all();
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        menu::warm(&params.text_document);
        self.session.open(params.text_document);
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let last = self.session.close(&params.text_document.uri);
        memory::return_freed();
        if last {
            memory::forget_code();
        }
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        if self.session.state().abilities.configuration {
            let (client, session) = (self.client.clone(), self.session.clone());
            tokio::spawn(async move { pull_settings(&client, &session).await });
            return;
        }
        let problem = self.session.state().receive(&params.settings);
        if let Some(problem) = problem {
            self.tell(MessageType::WARNING, problem);
        }
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        self.session.state().folders.change(&params.event.added, &params.event.removed);
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        Ok(Some(menu::actions(&self.session.state(), params)))
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
        let (verb, argument) = command::read(params).map_err(Error::invalid_params)?;
        match verb {
            Verb::Do(goal) => {
                let job = self.begin(goal, &argument).map_err(refused)?;
                Ok(Some(json!({"job": job})))
            }
            Verb::Trust => {
                let file = path_of(&argument.text_document.uri);
                let around = file.and_then(|file| self.session.state().folders.around(&file));
                let (folder, _) = around.ok_or_else(|| refused("the document is not a file on disk".to_owned()))?;
                self.ask_for_trust(folder);
                Ok(Some(Value::Null))
            }
        }
    }
}
