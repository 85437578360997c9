//! `headroom forecast`: the forecaster on a file of series.
use anyhow::Context;
use clap::Args;
use headroom_forecast::stream::{self, Options, maybe_gzip, read_capacities, read_series};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Forecasts series from a CSV file (`entity,t,metric…`), in time order.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example: headroom forecast --series usage.csv.gz --horizons 1,3,6 --levels 0.1,0.5,0.9 --out forecast.csv"
)]
pub struct ForecastArgs {
    /// CSV, or CSV compressed with gzip.
    #[arg(long, value_name = "FILE")]
    series: PathBuf,
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Seconds a step.
    #[arg(long, default_value_t = 300)]
    step: u32,
    /// Steps ahead.
    #[arg(long, value_delimiter = ',', default_value = "1,3,6")]
    horizons: Vec<usize>,
    /// Quantile levels.
    #[arg(long, value_delimiter = ',', default_value = "0.025,0.1,0.5,0.9,0.975")]
    levels: Vec<f64>,
    /// Share of a series before the first origin.
    #[arg(long, default_value_t = 0.6)]
    from: f64,
    /// Steps between two origins.
    #[arg(long, default_value_t = 12)]
    every: usize,
    /// CSV `entity,metric,capacity`: forecasts are clipped to it, and samples above it are left out.
    #[arg(long, value_name = "FILE")]
    capacity: Option<PathBuf>,
    /// Also writes OUT.risk.csv: the chance to exceed this quantile of the past.
    #[arg(long, value_name = "P")]
    risk: Option<f64>,
}

pub fn run(args: &ForecastArgs) -> anyhow::Result<ExitCode> {
    let open = |path: &PathBuf| File::open(path).with_context(|| format!("cannot read {}", path.display()));
    let create = |path: &PathBuf| File::create(path).with_context(|| format!("cannot write {}", path.display()));
    let capacities = match &args.capacity {
        Some(path) => read_capacities(open(path)?).with_context(|| path.display().to_string())?,
        None => Default::default(),
    };
    let options = Options {
        step_seconds: args.step,
        horizons: args.horizons.clone(),
        levels: args.levels.clone(),
        from: args.from,
        every: args.every,
        capacities,
        risk: args.risk,
    };
    let name = args.series.display();
    options.check()?;
    // Before the outputs are made: what is refused leaves no file behind, and overwrites none.
    let file = open(&args.series)?;
    let series = maybe_gzip(file).and_then(read_series).with_context(|| name.to_string())?;
    series.usual_distance(options.step_seconds).with_context(|| name.to_string())?;
    let mut out = BufWriter::new(create(&args.out)?);
    let mut risk_file = match args.risk {
        Some(_) => Some(BufWriter::new(create(&PathBuf::from(format!("{}.risk.csv", args.out.display())))?)),
        None => None,
    };
    let summary = stream::run(&series, &options, &mut out, risk_file.as_mut().map(|f| f as &mut dyn Write))?;
    out.flush()?;
    if let Some(file) = &mut risk_file {
        file.flush()?;
    }
    for warning in summary.warnings() {
        crate::cli::complain(format_args!("{name}: {warning}"));
    }
    crate::cli::complain(format_args!(
        "{} series of {} entities, {} samples, {} forecasts",
        summary.series, summary.entities, summary.samples, summary.forecasts
    ));
    Ok(ExitCode::SUCCESS)
}
