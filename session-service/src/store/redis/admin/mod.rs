//! Administration of the store: for startup and the doctor, never for a call.

mod consistency;
mod list_consistency;
mod record_consistency;
mod server_info;

pub use consistency::Consistency;
pub use server_info::ServerInfo;
