//! Evaluation by replay: the decision that Baton makes for its users, played against recorded outcomes of real workers on
//! real tasks, in the order of their dates, beside policies that need no conductor. What a policy must not know it cannot
//! name: whether an answer to a test task is right is [`recorded::Hidden`], which only [`score`] can open.

pub mod compared;
pub mod conducted;
pub mod headed;
pub mod measure;
pub mod planned;
mod plot;
pub mod policies;
pub mod recorded;
pub mod replay;
pub mod report;
pub mod rows;
pub mod score;
pub mod stream;
pub mod texts;
pub mod training;
