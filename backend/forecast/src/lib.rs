//! Series in, dated quantiles out.
