//! The front between real clients and real backends, all on this machine and on free ports.
mod common;
mod corpus;
mod faults;
mod held;
mod mirrored;
mod moves;
mod probes;
mod tunnels;
mod watched;
