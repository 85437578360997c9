//! The driver `slurm` with real jobs of a real cluster: `HEADROOM_SLURM_CONF` or `SLURM_CONF` names it, else
//! `scripts/slurm-cluster` starts one. Where there can be none, each test skips and says why.
mod cluster;
mod life;
mod resize;
mod told;
