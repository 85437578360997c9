//! The driver `qemu` with real machines: Debian's kernel under emulation. Where none can be started it skips and says why.
mod life;
mod memory;
mod moves;
mod told;
mod world;
