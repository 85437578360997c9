//! Changing a pod: taking it in, its CPU, letting it go.

mod adopt;
pub(in crate::kubernetes) mod mark;
mod resize;
mod stop;
