//! Limits of turns.

/// Limits of the turns of a process.
#[derive(Clone, Copy, Debug)]
pub struct TurnLimits {
    /// Maximum number of running turns.
    pub max_turns: u32,
}

/// Default of [`TurnLimits::max_turns`].
pub const DEFAULT_MAX_TURNS: u32 = 1000;

impl Default for TurnLimits {
    fn default() -> Self {
        Self { max_turns: DEFAULT_MAX_TURNS }
    }
}
