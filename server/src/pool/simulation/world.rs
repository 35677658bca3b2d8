//! The world of a scenario: a network in memory that does what it is told, the time of day, chance, and a record of
//! all that happened.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::header::AUTHORIZATION;
use tokio::time::Instant;

use super::Sabotage;
use super::act::{Act, Asked, Ending, Head, Served};
use super::dice::Dice;
use super::stream::{Piece, finish};
use crate::pool::outside::Outside;
use crate::pool::transport::{Bytestream, Incoming, Network, Outgoing, Unreached};

/// Pieces of one answer after which a reader is taken to read for ever.
const FOR_EVER: usize = 200_000;

/// Decides what a request gets.
pub(super) type Script = Box<dyn FnMut(&mut Dice, &Asked) -> Served + Send>;

/// Everything outside the pool.
pub(super) struct World {
    pub start: Instant,
    pub sabotage: Option<Sabotage>,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    script: Script,
    /// Jumps of the time of day: when, and by how many seconds.
    jumps: Vec<(Duration, i64)>,
    exchanges: Vec<Exchange>,
    open: usize,
    read: usize,
    secrets: Vec<String>,
    stray_keys: usize,
}

/// One request and what came of it; times since the start.
#[derive(Debug)]
pub(super) struct Exchange {
    pub worker: usize,
    pub act: Act,
    pub begun: Duration,
    /// When the head came, and with which status.
    pub answered: Option<(Duration, u16)>,
    /// When pieces were taken, and the length of all until then.
    pub taken: Vec<(Duration, usize)>,
    /// What was taken.
    pub bytes: Vec<u8>,
    pub closed: Option<Duration>,
}

impl World {
    pub fn new(seed: u64, script: Script, jumps: Vec<(Duration, i64)>, sabotage: Option<Sabotage>) -> Arc<Self> {
        let state = State {
            dice: Dice::of(seed),
            script,
            jumps,
            exchanges: Vec::new(),
            open: 0,
            read: 0,
            secrets: Vec::new(),
            stray_keys: 0,
        };
        Arc::new(Self { start: Instant::now(), sabotage, state: Mutex::new(state) })
    }

    /// Says what the servers know: the tokens of each prompt, and the key of each worker.
    pub fn tell(&self, read: usize, secrets: Vec<String>) {
        let mut state = self.state();
        (state.read, state.secrets) = (read, secrets);
    }

    /// From now on servers follow this script.
    pub fn follow(&self, script: Script) {
        self.state().script = script;
    }

    pub fn since_start(&self) -> Duration {
        self.start.elapsed()
    }

    pub fn chance(&self, probability: f64) -> bool {
        self.state().dice.chance(probability)
    }

    /// Connections that nobody closed.
    pub fn open(&self) -> usize {
        self.state().open
    }

    /// Requests that had another worker's key.
    pub fn stray_keys(&self) -> usize {
        self.state().stray_keys
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.state().exchanges.len()
    }

    /// Looks at the requests so far.
    pub fn exchanges<R>(&self, look: impl FnOnce(&[Exchange]) -> R) -> R {
        look(&self.state().exchanges)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn time_of_day(&self, state: &State) -> SystemTime {
        let now = self.since_start();
        let jumped: i64 = state.jumps.iter().filter(|(at, _)| *at <= now).map(|(_, by)| by).sum();
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000) + now;
        let by = Duration::from_secs(jumped.unsigned_abs());
        if jumped < 0 { noon - by } else { noon + by }
    }

    fn begin(&self, worker: usize, request: &Outgoing) -> (usize, Served) {
        let mut state = self.state();
        let own = state.secrets.get(worker).cloned().unwrap_or_default();
        let sent = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let sent = sent.trim_start_matches("Bearer ").to_owned();
        if !sent.is_empty() && sent != own {
            state.stray_keys += 1;
        }
        let secret = if self.sabotage == Some(Sabotage::UnknownKey) { "sk-of-somebody-else".into() } else { sent };
        let asked = Asked { read: state.read, secret, now: self.time_of_day(&state) };
        let State { dice, script, .. } = &mut *state;
        let mut served = script(dice, &asked);
        if self.sabotage == Some(Sabotage::FakeEnd) && matches!(served.ending, Ending::Close | Ending::Break) {
            let end = Piece { after: Duration::ZERO, bytes: Bytes::from(finish("stop")) };
            served.ending = Ending::Again(end);
        }
        let begun = self.since_start();
        let act = served.act;
        let (taken, bytes) = (Vec::new(), Vec::new());
        state.exchanges.push(Exchange { worker, act, begun, answered: None, taken, bytes, closed: None });
        state.open += 1;
        (state.exchanges.len() - 1, served)
    }

    fn answered(&self, id: usize, status: u16) {
        let at = self.since_start();
        self.state().exchanges[id].answered = Some((at, status));
    }

    fn taken(&self, id: usize, bytes: &Bytes) {
        let at = self.since_start();
        let exchange = &mut self.state().exchanges[id];
        exchange.bytes.extend_from_slice(bytes);
        exchange.taken.push((at, exchange.bytes.len()));
        assert!(exchange.taken.len() < FOR_EVER, "an answer of {} is read for ever", exchange.worker);
    }

    fn closed(&self, id: usize) {
        let at = self.since_start();
        let mut state = self.state();
        state.exchanges[id].closed = Some(at);
        state.open -= 1;
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

/// One worker's part of the world.
#[derive(Debug)]
pub(super) struct Place {
    pub world: Arc<World>,
    pub worker: usize,
}

impl Outside for Place {
    fn time_of_day(&self) -> SystemTime {
        self.world.time_of_day(&self.world.state())
    }

    fn share(&self) -> f64 {
        self.world.state().dice.share()
    }
}

/// Closes the connection when dropped.
struct Connection {
    world: Arc<World>,
    id: usize,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.world.sabotage != Some(Sabotage::Leak) {
            self.world.closed(self.id);
        }
    }
}

impl Network for Place {
    fn post(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Unreached>> {
        let (id, served) = self.world.begin(self.worker, &request);
        let connection = Connection { world: self.world.clone(), id };
        Box::pin(async move {
            tokio::time::sleep(served.before).await;
            match served.head {
                Head::Unreached(unreached) => Err(unreached),
                Head::Never => {
                    let _connection = connection;
                    std::future::pending().await
                }
                Head::Answer(status, headers) => {
                    connection.world.answered(id, status.as_u16());
                    Ok(Incoming { status, headers, body: body(connection, served.pieces, served.ending) })
                }
            }
        })
    }
}

fn body(connection: Connection, pieces: Vec<Piece>, ending: Ending) -> Bytestream {
    let begin = (connection, pieces.into_iter(), Some(ending));
    Box::pin(futures::stream::unfold(begin, |(connection, mut pieces, ending)| async move {
        // As a socket does, so that a reader that never waits still lets others have their turn.
        tokio::task::coop::consume_budget().await;
        let (piece, ending, is_real) = match (pieces.next(), ending) {
            (Some(piece), ending) => (piece, ending, true),
            (None, None | Some(Ending::Close)) => return None,
            (None, Some(Ending::Break)) => {
                return Some((Err("connection reset by peer".to_owned()), (connection, pieces, None)));
            }
            (None, Some(Ending::Open)) => std::future::pending().await,
            (None, Some(Ending::Again(piece))) => {
                let is_real = connection.world.sabotage != Some(Sabotage::FakeEnd);
                (piece.clone(), is_real.then_some(Ending::Again(piece)), is_real)
            }
        };
        if !piece.after.is_zero() {
            tokio::time::sleep(piece.after).await;
        }
        if is_real {
            connection.world.taken(connection.id, &piece.bytes);
        }
        Some((Ok(piece.bytes), (connection, pieces, ending)))
    }))
}
