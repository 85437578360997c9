//! Drivers that make an allocation true.
