//! A stretch and the same records step by step are one.
