//! A language model behind an API: one call, tried again only while nothing of it was used.

mod refusal;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Counted, Fault, plain};
use super::health::Health;
use super::key::{Key, KeySource};
use super::outside::{Machine, Outside};
use super::pace::Pace;
use super::price::{Prices, most_tokens};
use super::protocol::{self, Protocol};
use super::transport::{Broken, Events, Http, Network, Outgoing, Reach, loopback, not_a_stream};
use super::{Bounds, CallError, ConfigProblem, Facts, Hold, Prompt, Reply, Said, Terms, Usage, policy, retry};
use crate::config::{PolicyOptions, WorkerKind, WorkerOptions};
use crate::conversation::Conversation;

/// Most bytes read of an answer, besides what its tokens may need.
pub(super) const ANSWER: usize = 1 << 20;
/// Most bytes that a server may send for each token: an event is some 300 bytes of JSON.
pub(super) const TOKEN: usize = 2048;
/// How long the count of tokens may take once the answer itself is complete.
const TAIL: Duration = Duration::from_secs(2);

/// A language model that can be called. Making one contacts nothing.
#[derive(Debug)]
pub struct Llm {
    options: WorkerOptions,
    protocol: &'static dyn Protocol,
    url: Url,
    prices: Prices,
    source: KeySource,
    key: Mutex<Option<Key>>,
    network: Box<dyn Network>,
    outside: Box<dyn Outside>,
    policy: PolicyOptions,
    pace: Pace,
    health: Health,
    removed: CancellationToken,
}

/// What [`Llm::probe`] sends: nothing of the user's.
pub fn probe() -> Prompt {
    Prompt::of("", "Say ok.")
}

/// Why one try gave no answer; clauses about the server.
enum Trouble {
    /// It may pass; the server may have said after how long.
    Passing(String, Option<Duration>),
    /// It stays until something is changed, or part of the answer was used.
    Lasting(String),
    /// The server does its work, the request or the answer was wrong.
    Unusable(String),
    /// The server does its work, the prompt is too long for it.
    TooLong(String),
}

/// How a call ended without an answer; sentences.
enum Ended {
    Cancelled,
    TooLong(String),
    Failed(String),
}

impl Llm {
    /// Checks the configuration of a worker; `policy` says which workers may be sent anything.
    pub fn new(options: &WorkerOptions, policy: &PolicyOptions) -> Result<Self, ConfigProblem> {
        Self::over(options, policy, |url, reach| Box::new(Http::to(url.clone(), reach)))
    }

    /// The same over another network.
    pub(super) fn over(
        options: &WorkerOptions,
        policy: &PolicyOptions,
        network: impl FnOnce(&Url, Reach) -> Box<dyn Network>,
    ) -> Result<Self, ConfigProblem> {
        let wrong = |what: &str| ConfigProblem(format!("worker `{}`: {what}", plain(&options.name)));
        let base = Url::parse(options.address())
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| wrong("base_url must look like `http://127.0.0.1:11434/v1`"))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(wrong("base_url must not hold a password; use key_env or key_command"));
        }
        let source = KeySource::of(options);
        if base.scheme() == "http" && !loopback(&base) && source != KeySource::None {
            return Err(wrong("its key would travel unencrypted; use https in base_url"));
        }
        if options.max_output == 0 || options.max_output >= options.context {
            return Err(wrong("max_output must be above 0 and below context"));
        }
        if !(options.timeout_seconds > 0.0 && options.timeout_seconds <= 86_400.0) {
            return Err(wrong("timeout_seconds must be above 0 and at most 86400"));
        }
        let prices = Prices::of(options).map_err(wrong)?;
        if options.concurrency == 0 || options.requests_per_minute == Some(0) {
            return Err(wrong("concurrency and requests_per_minute must be above 0"));
        }
        let reach = Reach::of(options, &base, source != KeySource::None).map_err(wrong)?;
        let protocol = protocol::of(options.kind);
        let url = protocol.address(base, &options.model);
        Ok(Self {
            options: options.clone(),
            protocol,
            prices,
            network: network(&url, reach),
            outside: Box::new(Machine),
            policy: policy.clone(),
            pace: Pace::new(options.concurrency, options.requests_per_minute),
            url,
            source,
            key: Mutex::default(),
            removed: CancellationToken::new(),
            health: Health::default(),
        })
    }

    /// A worker in the world of a test.
    #[cfg(test)]
    pub(super) fn simulated(
        options: &WorkerOptions,
        policy: &PolicyOptions,
        network: Box<dyn Network>,
        outside: Box<dyn Outside>,
        key: &str,
    ) -> Self {
        let made = Self::over(options, policy, |_, _| network).expect("a worker");
        let key = (!key.is_empty()).then(|| Key::of(key));
        Self { outside, key: Mutex::new(key), ..made }
    }

    /// Its name in the pool.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// Whether these options are its own, as far as they say where it is.
    pub(super) fn is_of(&self, options: &WorkerOptions) -> bool {
        let own = &self.options;
        let place = |options: &WorkerOptions| (options.base_url.clone(), options.model.clone(), options.path.clone());
        own.name == options.name && place(own) == place(options)
    }

    /// Cancelled once it is no member of the pool any more.
    pub fn removed(&self) -> &CancellationToken {
        &self.removed
    }

    /// The model's name at its server.
    pub fn model(&self) -> &str {
        &self.options.model
    }

    /// What the conductor may know of it.
    pub fn facts(&self) -> Facts {
        let WorkerOptions {
            name, kind, strength, usd_in, usd_out, context, provider, region, keeps_data, tags, ..
        } = &self.options;
        Facts {
            name: name.clone(),
            strength: strength.map(|strength| strength.clamp(0.0, 1.0)),
            usd_in: *usd_in,
            usd_out: *usd_out,
            context: *context,
            terms: Terms {
                provider: provider.clone(),
                // A model in a process of ours is on this machine, whatever is written.
                region: if *kind == WorkerKind::Gguf { Some(policy::LOCAL.into()) } else { region.clone() },
                keeps_data: *keeps_data,
                tags: tags.clone(),
            },
        }
    }

    /// Tokens that its prompt may have, so that the longest answer still fits in its context.
    pub fn prompt_budget(&self) -> usize {
        self.options.context - self.options.max_output
    }

    /// Why it cannot go on with this conversation, as a clause about it.
    pub fn unfit(&self, conversation: &Conversation) -> Option<String> {
        protocol::unfit(&self.options, conversation)
    }

    /// US dollars that a call with this prompt costs at most.
    pub fn worst_case(&self, prompt: &Prompt) -> f64 {
        self.prices.worst(most_tokens(prompt), prompt.most_output(self.options.max_output) as u64)
    }

    /// Why it is left alone for now, in one sentence.
    pub fn resting(&self) -> Option<String> {
        let rest = self.health.rests_for(Instant::now())?;
        let seconds = rest.as_secs() + 1;
        Some(format!("worker `{}` failed several times in a row and is left alone for {seconds} s", self.name()))
    }

    /// Asks the model. `on_said` gets what it says as it comes; it counts only once the call has returned `Ok`.
    /// Nothing is sent to a worker that the task may not go to, that rests, that the prompt does not fit or whose
    /// answer could cost more than is left. Dropping the future or cancelling closes the connection.
    pub async fn call(
        &self,
        prompt: &Prompt,
        mut on_said: impl FnMut(Said<'_>),
        bounds: Bounds<'_>,
    ) -> Result<Reply, CallError> {
        let usage = Usage::default();
        let not_asked = |why: &str| format!("worker `{}` was not asked: {why}", self.name());
        if let Some(why) = policy::why_not(&self.facts(), &self.policy, bounds.allowed) {
            return Err(CallError::Failed { why: not_asked(&why), usage });
        }
        if let Some(why) = self.resting() {
            return Err(CallError::Failed { why, usage });
        }
        let budget = self.prompt_budget();
        if !prompt.fits(budget) {
            let why = not_asked(&format!("the prompt is longer than the {budget} tokens that it may have (context)"));
            return Err(CallError::TooLong { why, usage });
        }
        let hold = bounds.budget.reserve(self.worst_case(prompt));
        let mut hold = hold.map_err(|refused| CallError::TooExpensive { why: not_asked(&refused.to_string()) })?;
        let mut used = Usage::default();
        let ended = self.tries(prompt, &mut on_said, bounds, &mut hold, &mut used).await;
        hold.settle(used.usd);
        match ended {
            Ok(mut answer) => {
                let (reasoning, estimated) = (answer.reasoning(), self.believed(prompt, &answer).is_none());
                let (calls, ending) = (answer.calls(), answer.ending());
                Ok(Reply { text: answer.text, calls, ending, reasoning, usage: used, estimated })
            }
            Err(Ended::Cancelled) => Err(CallError::Cancelled { usage: used }),
            Err(Ended::TooLong(why)) => Err(CallError::TooLong { why, usage: used }),
            Err(Ended::Failed(why)) => Err(CallError::Failed { why, usage: used }),
        }
    }

    /// Asks until there is an answer, as long as that is worth it. Every try that cost something is in `used`.
    async fn tries(
        &self,
        prompt: &Prompt,
        on_said: &mut impl FnMut(Said<'_>),
        bounds: Bounds<'_>,
        hold: &mut Hold<'_>,
        used: &mut Usage,
    ) -> Result<Answer, Ended> {
        let Bounds { deadline, cancel, .. } = bounds;
        let named = |what: &str| format!("worker `{}` {what}", self.name());
        let late = || Trouble::Unusable("had not answered when the time was used up; raise max_seconds".into());
        for number in 1.. {
            let mut answer = Answer::default();
            let tried = tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                () = tokio::time::sleep_until(deadline) => Some(Err(late())),
                tried = self.attempt(prompt, &mut answer, on_said) => Some(tried),
            };
            used.add(self.usage(prompt, &answer));
            let tried = match tried {
                // Only the count of its tokens was still waited for.
                Some(Err(_)) if answer.finished() && Instant::now() >= deadline => {
                    Some(self.whole(prompt, &mut answer))
                }
                tried => tried,
            };
            let (why, wait) = match tried {
                None => return Err(Ended::Cancelled),
                Some(Ok(())) => {
                    self.health.succeeded();
                    return Ok(answer);
                }
                Some(Err(Trouble::Unusable(why))) => return Err(Ended::Failed(named(&why))),
                Some(Err(Trouble::TooLong(why))) => return Err(Ended::TooLong(named(&why))),
                Some(Err(Trouble::Lasting(why))) => {
                    self.health.failed(Instant::now());
                    return Err(Ended::Failed(named(&why)));
                }
                Some(Err(Trouble::Passing(why, wait))) => (named(&why), wait),
            };
            let given_up = |why: String| {
                self.health.failed(Instant::now());
                Err(Ended::Failed(why))
            };
            if number >= retry::TRIES {
                return given_up(format!("{why} ({number} tries)"));
            }
            // A try that cost something has used up what was set aside for it.
            if let Err(refused) = hold.cover(used.usd + self.worst_case(prompt)) {
                return given_up(format!("{why}; it is not asked again: {refused}"));
            }
            let asked = wait.is_some();
            let wait = wait.unwrap_or_else(|| retry::backoff(number, self.outside.share()));
            if Instant::now() + wait >= deadline {
                if asked {
                    self.health.asked_for_rest(Instant::now(), wait);
                }
                let seconds = wait.as_secs_f64();
                return given_up(format!("{why}; waiting {seconds:.0} s as it asks would take too long"));
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(Ended::Cancelled),
                () = tokio::time::sleep(wait) => {}
            }
        }
        unreachable!("the last try returns")
    }

    /// Whether it answers at all: one short call, once. An answer that was cut at its limit of tokens is one too.
    pub async fn probe(&self, cancel: &CancellationToken) -> Result<Usage, CallError> {
        let (prompt, mut answer, mut deaf) = (probe(), Answer::default(), |_: Said<'_>| ());
        let tried = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            tried = self.attempt(&prompt, &mut answer, &mut deaf) => Some(tried),
        };
        let usage = self.usage(&prompt, &answer);
        match tried {
            None => Err(CallError::Cancelled { usage }),
            Some(Ok(())) => Ok(usage),
            Some(Err(_)) if answer.at_limit() => Ok(usage),
            Some(Err(
                Trouble::Passing(why, _) | Trouble::Lasting(why) | Trouble::Unusable(why) | Trouble::TooLong(why),
            )) => Err(CallError::Failed { why: format!("worker `{}` {why}", self.name()), usage }),
        }
    }

    async fn attempt(
        &self,
        prompt: &Prompt,
        answer: &mut Answer,
        on_said: &mut impl FnMut(Said<'_>),
    ) -> Result<(), Trouble> {
        let _turn = self.pace.turn().await;
        let patience = Duration::from_secs_f64(self.options.timeout_seconds);
        let silent = || Trouble::Lasting(format!("was silent for {} s (timeout_seconds)", patience.as_secs_f64()));
        let key = self.key().await.map_err(|why| Trouble::Lasting(format!("cannot be asked: {why}")))?;
        let request = self.request(prompt, key.as_ref()).map_err(Trouble::Lasting)?;
        let response = match tokio::time::timeout(patience, self.network.post(request)).await {
            Err(_) => return Err(silent()),
            Ok(Err(unreached)) => return Err(self.unreachable(unreached)),
            Ok(Ok(response)) => response,
        };
        if response.status != StatusCode::OK {
            return Err(self.refusal(response, key.as_ref(), patience).await);
        }
        if let Some(kind) = not_a_stream(&response.headers) {
            let why = format!("answered with {kind} instead of a stream; {}", self.check_url());
            return Err(Trouble::Lasting(why));
        }
        answer.begun = true;
        let mut events = Events::of(response.body, self.protocol.framing(), ANSWER + TOKEN * self.options.max_output);
        // Silence begins where the model said something last: a server may fill it with signs of life for ever.
        let mut heard = Instant::now();
        loop {
            let until = heard + if answer.finished() { TAIL.min(patience) } else { patience };
            let event = match tokio::time::timeout_at(until, events.next()).await {
                Ok(event) => event,
                Err(_) if answer.finished() => break,
                Err(_) => return Err(silent()),
            };
            let (shown, thought) = (answer.shown().len(), answer.thoughts().len());
            let (output, finished) = (answer.output(), answer.finished());
            let data = match event {
                None => break,
                // Once the model has ended, a connection that closes badly takes nothing from the answer.
                Some(Err(_)) if finished => break,
                Some(Err(why @ Broken::Transport(_))) if output == 0 => {
                    return Err(Trouble::Passing(why.to_string(), None));
                }
                Some(Err(why)) => return Err(Trouble::Lasting(why.to_string())),
                Some(Ok(data)) => data,
            };
            self.protocol.take(&data, answer).map_err(|Fault { why, passes }| {
                let why = key.as_ref().map_or_else(|| why.clone(), |key| key.hidden_in(&why));
                if passes && output == 0 { Trouble::Passing(why, None) } else { Trouble::Lasting(why) }
            })?;
            if answer.thoughts().len() > thought {
                on_said(Said::Thoughts(&answer.thoughts()[thought..]));
            }
            if answer.shown().len() > shown {
                on_said(Said::Words(&answer.shown()[shown..]));
            }
            if answer.done() {
                break;
            }
            // A quarter of the characters: even of code with long indentation that is less than twice its tokens.
            if answer.estimate_out() > 2 * self.options.max_output as u64 {
                let limit = self.options.max_output;
                return Err(Trouble::Lasting(format!("wrote more than the {limit} tokens that it may (max_output)")));
            }
            if !finished && (answer.output() > output || answer.finished()) {
                heard = Instant::now();
            }
        }
        self.whole(prompt, answer)
    }

    fn whole(&self, prompt: &Prompt, answer: &mut Answer) -> Result<(), Trouble> {
        let most = self.options.max_output;
        let whole = if prompt.conversation.is_some() { answer.turn(most) } else { answer.whole(most) };
        whole.map_err(|why| if answer.ended() { Trouble::Unusable(why) } else { Trouble::Lasting(why) })
    }

    fn request(&self, prompt: &Prompt, key: Option<&Key>) -> Result<Outgoing, String> {
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        headers.extend(self.protocol.version());
        if let Some(key) = key {
            headers.extend([self.protocol.key(key)?]);
        }
        let body = self.protocol.body(&self.options, &self.url, prompt);
        Ok(Outgoing { url: self.url.clone(), headers, body: body.to_string().into_bytes() })
    }

    fn usage(&self, prompt: &Prompt, answer: &Answer) -> Usage {
        // Whoever writes on beyond the limit is cut off there.
        let written = answer.estimate_out().min(2 * self.options.max_output as u64);
        let counted = match self.believed(prompt, answer) {
            // Of an answer that broke off a server may have counted only the beginning.
            Some(counted) if !answer.ended() => Counted { tokens_out: counted.tokens_out.max(written), ..counted },
            Some(counted) => counted,
            None if answer.begun => {
                let chars: usize = prompt.texts().map(|text| text.chars().count()).sum();
                Counted {
                    tokens_in: (chars.div_ceil(4) + prompt.other_tokens()) as u64,
                    cached: 0,
                    tokens_out: written,
                }
            }
            None => Counted::default(),
        };
        Usage {
            tokens_in: counted.tokens_in,
            tokens_cached: counted.cached.min(counted.tokens_in),
            tokens_out: counted.tokens_out,
            usd: self.prices.price(counted),
        }
    }

    /// What the server counted, unless it cannot be true: a prompt has tokens, words have some, and there are not more
    /// than twice as many as were paid for in advance. Servers count what they add, and a lie must not use up a budget.
    fn believed(&self, prompt: &Prompt, answer: &Answer) -> Option<Counted> {
        let (most_in, most_out) = (2 * most_tokens(prompt), 2 * self.options.max_output as u64);
        answer.counted.filter(|counted| {
            (1..=most_in).contains(&counted.tokens_in)
                && counted.tokens_out <= most_out
                && (counted.tokens_out > 0 || answer.text.is_empty() || !answer.ended())
                && self.prices.price(*counted) <= 2.0 * self.worst_case(prompt)
        })
    }

    /// Its key, fetched by the first call and kept.
    pub(super) async fn key(&self) -> Result<Option<Key>, String> {
        let known = self.key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_some() {
            return Ok(known);
        }
        let key = self.source.fetch().await?;
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&key);
        Ok(key)
    }
}

#[cfg(test)]
mod tests;
