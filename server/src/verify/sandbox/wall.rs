//! The walls of a sandbox, by name. All of them stand, always: only a test can take one away, to see that the attack
//! which the wall stops is a real one.

/// One thing that a sandbox keeps from the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wall {
    /// Files outside what is shown, to read and to write.
    Files,
    /// Rights, owners and times of files outside.
    Attributes,
    /// The network, and the sockets of other programs.
    Network,
    /// Variables that Baton was started with.
    Environment,
    /// Processes outside, to see and to signal; and the end of everything inside.
    Processes,
    /// New namespaces, in which there are more rights to try.
    Namespaces,
    /// Rights of the superuser, and what only they are for.
    Privileges,
    /// Memory and queues that processes share by name.
    Memory,
    /// The terminal that Baton was started from.
    Terminal,
}

/// Which walls stand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Walls {
    /// Those that do not, as bits.
    #[cfg(test)]
    gone: u16,
}

impl Walls {
    /// Whether this one does. Outside tests it always does.
    #[cfg(not(test))]
    pub(super) fn stands(self, _: Wall) -> bool {
        true
    }

    #[cfg(test)]
    pub(super) fn stands(self, wall: Wall) -> bool {
        self.gone & (1 << wall as u16) == 0
    }
}

#[cfg(test)]
mod gone {
    use super::{Wall, Walls};
    use crate::verify::sandbox::{Level, Sandbox};

    const ALL: [Wall; 9] = [
        Wall::Files,
        Wall::Attributes,
        Wall::Network,
        Wall::Environment,
        Wall::Processes,
        Wall::Namespaces,
        Wall::Privileges,
        Wall::Memory,
        Wall::Terminal,
    ];

    impl std::str::FromStr for Wall {
        type Err = String;

        fn from_str(name: &str) -> Result<Self, String> {
            ALL.into_iter().find(|wall| format!("{wall:?}") == name).ok_or_else(|| format!("no wall is called {name}"))
        }
    }

    impl Walls {
        pub(in crate::verify::sandbox) fn without(walls: &[Wall]) -> Self {
            Self { gone: walls.iter().map(|wall| 1 << *wall as u16).sum() }
        }

        /// The names of those that do not stand.
        pub(in crate::verify::sandbox) fn gone(self) -> impl Iterator<Item = String> {
            ALL.into_iter().filter(move |wall| !self.stands(*wall)).map(|wall| format!("{wall:?}"))
        }
    }

    impl Sandbox {
        /// One of each kind that holds on this machine.
        pub(in crate::verify) fn of_each_level() -> Vec<Self> {
            let all = [Level::Bubblewrap, Level::Landlock].map(Self::of_level);
            let held: Vec<Self> =
                all.into_iter().filter_map(|made| made.inspect_err(|why| eprintln!("{why}")).ok()).collect();
            assert!(!held.is_empty(), "there is no sandbox here");
            held
        }

        /// The same sandbox without the walls of these names.
        pub(in crate::verify) fn without(&self, walls: &[&str]) -> Self {
            let walls: Vec<Wall> = walls.iter().map(|name| name.parse().unwrap()).collect();
            Self { walls: Walls::without(&walls), ..self.clone() }
        }
    }
}
