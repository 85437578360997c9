//! The clearing problem, its exact solution and its certificate.
