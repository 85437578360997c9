//! Floating-point proposals for the exact clearing; floats end here, integers leave.
