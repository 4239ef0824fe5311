//! The documents, compared with the programs, the contract and the tree.

mod openapi;
mod settings;
