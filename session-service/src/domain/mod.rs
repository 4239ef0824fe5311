//! Domain values, valid by construction. No I/O, no protobuf, no serde, no clock.

mod ids;
pub mod limits;
mod message;
mod metadata;
mod page;
mod preview;
mod session;
mod time;

pub use ids::{Incarnation, Owner, PersonaKey, RequestId, UserId};
pub use message::{Batch, Content, FinishReason, Message, NewMessage, NewReply, Role};
pub use metadata::Metadata;
pub use page::{Cursor, HistoryPage, HistoryRange, PageSize};
pub use preview::Preview;
pub use session::{IfExists, NewSession, Session};
pub use time::Timestamp;
