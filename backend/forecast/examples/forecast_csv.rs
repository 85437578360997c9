//! `cargo run --release -p headroom-forecast --example forecast_csv IN.csv[.gz] OUT.csv [STEP] [RISK]`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::time::Instant;

use headroom_forecast::stream::{Options, StreamError, maybe_gzip, run_csv};

fn main() -> Result<(), StreamError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [series, out, rest @ ..] = arguments.as_slice() else {
        eprintln!("IN.csv[.gz] OUT.csv [STEP] [RISK]");
        return Ok(());
    };
    let mut options = Options::default();
    if let Some(step) = rest.first().and_then(|text| text.parse().ok()) {
        options.step_seconds = step;
    }
    options.risk = rest.get(1).and_then(|text| text.parse().ok());
    let began = Instant::now();
    let mut risk: Option<BufWriter<File>> = match options.risk {
        Some(_) => Some(BufWriter::new(File::create(format!("{out}.risk.csv"))?)),
        None => None,
    };
    let risk_out = risk.as_mut().map(|writer| writer as &mut dyn Write);
    let reader = maybe_gzip(File::open(series)?)?;
    let summary = run_csv(reader, &options, BufWriter::new(File::create(out)?), risk_out)?;
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{summary:?}, {:.1} µs a sample", seconds * 1e6 / summary.samples.max(1) as f64);
    Ok(())
}
