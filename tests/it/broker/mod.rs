//! Brokers and a controller together, over connections of one millisecond.

mod groups;
mod kernel;
mod replication;
mod requests;
