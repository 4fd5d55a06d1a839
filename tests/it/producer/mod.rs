//! The producer as a whole, in a small kernel of its own.

mod kernel;
mod life;
mod stretch;
mod timelines;
