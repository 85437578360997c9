//! `headroom forecast` as a person types it: what is wrong with a file is told with its place, before anything is written.
use headroom_tests::server::binary;
use std::path::Path;
use std::process::Command;

/// What it says, whether it did it, and what is then in `out.csv`.
fn forecast(folder: &Path, series: &str, more: &str) -> anyhow::Result<(String, bool, String)> {
    std::fs::write(folder.join("usage.csv"), series)?;
    let arguments =
        format!("forecast --series usage.csv --out out.csv --levels 0.1,0.5,0.9 --every 1 --risk 0.9 {more}");
    let output = Command::new(binary()?).current_dir(folder).args(arguments.split_whitespace()).output()?;
    let written = std::fs::read_to_string(folder.join("out.csv")).unwrap_or_default();
    Ok((String::from_utf8_lossy(&output.stderr).into_owned(), output.status.success(), written))
}

fn series(special: &str) -> String {
    let value = |t: u32| if t == 70 { special.to_owned() } else { (300 + t * 37 % 50).to_string() };
    (0..100).fold("entity,t,cpu\n".to_owned(), |text, t| text + &format!("a,{t},{}\n", value(t)))
}

#[test]
fn a_bad_file_is_named_with_its_place_and_nothing_is_written() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("out.csv"), "of before")?;
    let in_seconds = (0..100).fold("entity,t,cpu\n".to_owned(), |text, n| text + &format!("a,{},1\n", n * 300));
    for (text, place) in [
        (series("1e150"), "usage.csv: line 72, column 3 (cpu): \"1e150\" is more than any resource has"),
        (series("1").replace("t,cpu", "t,cpu,cpu"), "usage.csv: line 1, column 4: a metric needs a name of its own"),
        (in_seconds, "usage.csv: line 3, column 2 (t): rows are usually 300 steps of 300 s apart"),
    ] {
        let (said, done, written) = forecast(folder.path(), &text, "")?;
        assert!(!done && said.contains(place), "{said}");
        assert_eq!(written, "of before");
    }
    Ok(())
}

#[test]
fn a_sample_above_the_capacity_is_named_and_not_forecast_from() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("capacity.csv"), "entity,metric,capacity\na,cpu,1000\n")?;
    let (said, done, written) = forecast(folder.path(), &series("1000000"), "--capacity capacity.csv")?;
    assert!(
        done && said.contains("usage.csv: 1 sample was left out: it is 1000000 in line 72, column 3 (cpu)"),
        "{said}"
    );
    let (said, _, without) = forecast(folder.path(), &series(""), "--capacity capacity.csv")?;
    assert!(!said.contains("left out") && written == without, "{said}");
    Ok(())
}
