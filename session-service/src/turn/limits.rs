//! Limits of turns.

use std::time::Duration;

/// Default of [`TurnLimits::max_turns`].
pub const DEFAULT_MAX_TURNS: u32 = 1000;

/// Limits of the turns of a process.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Maximum number of running turns.
    pub max_turns: u32,
    /// Maximum number of running turns of an owner.
    pub max_turns_per_owner: Option<u32>,
    /// Maximum duration of a turn after its caller, and then the last watcher of its session in this process, disconnected.
    pub orphan_turn_max: Duration,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            max_turns: DEFAULT_MAX_TURNS,
            max_turns_per_owner: None,
            orphan_turn_max: Duration::from_secs(10 * 60),
        }
    }
}
