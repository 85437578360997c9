//! The load of this host, of all its programs: use of processors, disks and networks, and the time that work waits.

use std::time::{Duration, Instant};

/// Shorter windows say little and cost time.
const WINDOW: Duration = Duration::from_secs(5);

/// A host over the last seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostLoad {
    /// Processors that are online, in thousandths of a core.
    pub cpu_milli: u64,
    pub busy_milli: u64,
    pub memory_kib: u64,
    pub available_kib: u64,
    pub read_kib_per_second: u64,
    pub written_kib_per_second: u64,
    pub received_kib_per_second: u64,
    pub sent_kib_per_second: u64,
    /// Thousandths of the last ten seconds in which some work waited; nothing where the kernel does not count that.
    pub cpu_waits_permille: Option<u64>,
    pub memory_waits_permille: Option<u64>,
    pub io_waits_permille: Option<u64>,
}

/// What the kernel has counted since the boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    busy_ticks: u64,
    all_ticks: u64,
    read_kib: u64,
    written_kib: u64,
    received_bytes: u64,
    sent_bytes: u64,
}

/// Compares what is counted from look to look.
#[derive(Debug, Default)]
pub struct HostMeter {
    last: Option<(Instant, Counted)>,
    load: Option<HostLoad>,
}

impl HostMeter {
    /// The load of the newest window; nothing before the first is over.
    pub fn look(&mut self) -> Option<HostLoad> {
        let now = Instant::now();
        if self.last.is_some_and(|(at, _)| now - at < WINDOW) {
            return self.load.clone();
        }
        let stat = read("/proc/stat");
        let is_card = |name: &str| std::path::Path::new("/sys/class/net").join(name).join("device").exists();
        let counted = counted(&stat, &read("/proc/vmstat"), &read("/proc/net/dev"), is_card);
        if let Some((at, before)) = self.last.replace((now, counted)) {
            self.load = Some(load(&stat, &read("/proc/meminfo"), before, counted, now - at));
        }
        self.load.clone()
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The value of a line `NAME VALUE` or `NAME: VALUE kB`.
fn named(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().map(str::split_whitespace);
    let found = lines.find_map(|mut words| (words.next()?.trim_end_matches(':') == name).then(|| words.next()));
    number(found.flatten())
}

fn counted(stat: &str, vmstat: &str, net: &str, is_card: impl Fn(&str) -> bool) -> Counted {
    let ticks: Vec<u64> =
        stat.lines().next().unwrap_or_default().split_whitespace().skip(1).map(|word| number(Some(word))).collect();
    let of = |index: usize| ticks.get(index).copied().unwrap_or(0);
    // user, nice, system, idle, iowait, irq, softirq, steal; what follows is in the first two already.
    let [idle, stolen] = [of(3) + of(4), of(7)];
    let all_ticks: u64 = ticks.iter().take(8).sum();
    let (mut received_bytes, mut sent_bytes) = (0, 0);
    for (name, counts) in net.lines().filter_map(|line| line.split_once(':')) {
        // Bridges and taps pass on the bytes of a card: they count once, there.
        if is_card(name.trim()) {
            let counts: Vec<&str> = counts.split_whitespace().collect();
            received_bytes += number(counts.first().copied());
            sent_bytes += number(counts.get(8).copied());
        }
    }
    Counted {
        busy_ticks: all_ticks - idle - stolen,
        all_ticks,
        read_kib: named(vmstat, "pgpgin"),
        written_kib: named(vmstat, "pgpgout"),
        received_bytes,
        sent_bytes,
    }
}

fn load(stat: &str, meminfo: &str, before: Counted, now: Counted, window: Duration) -> HostLoad {
    let cores = stat.lines().skip(1).take_while(|line| line.starts_with("cpu")).count();
    let cpu_milli = u64::try_from(cores).unwrap_or(0) * 1_000;
    let since = |now: u64, before: u64| now.saturating_sub(before);
    let rate =
        |now: u64, before: u64| since(now, before) * 1_000 / u64::try_from(window.as_millis().max(1)).unwrap_or(1);
    let busy = since(now.busy_ticks, before.busy_ticks) * cpu_milli;
    HostLoad {
        cpu_milli,
        busy_milli: busy.checked_div(since(now.all_ticks, before.all_ticks)).unwrap_or(0).min(cpu_milli),
        memory_kib: named(meminfo, "MemTotal"),
        available_kib: named(meminfo, "MemAvailable"),
        read_kib_per_second: rate(now.read_kib, before.read_kib),
        written_kib_per_second: rate(now.written_kib, before.written_kib),
        received_kib_per_second: rate(now.received_bytes, before.received_bytes) / 1_024,
        sent_kib_per_second: rate(now.sent_bytes, before.sent_bytes) / 1_024,
        cpu_waits_permille: waits_permille(&read("/proc/pressure/cpu")),
        memory_waits_permille: waits_permille(&read("/proc/pressure/memory")),
        io_waits_permille: waits_permille(&read("/proc/pressure/io")),
    }
}

/// Of `some avg10=25.35 …`: 253.
fn waits_permille(pressure: &str) -> Option<u64> {
    let percent = pressure.lines().find_map(|line| line.strip_prefix("some avg10="))?.split_whitespace().next()?;
    let (whole, hundredths) = percent.split_once('.')?;
    Some(whole.parse::<u64>().ok()? * 10 + hundredths.get(..1)?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NET: &str = "Inter-| Receive | Transmit\n face |bytes packets\n    lo: 900 1 0 0 0 0 0 0 900 1 0 0\n  tap0: 500 1 0 0 0 0 0 0 500 1 0 0\n  eth0: 4096 1 0 0 0 0 0 0 2048 1 0 0\n";

    fn stat(user: u64, idle: u64) -> String {
        format!("cpu  {user} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 0 0 1\ncpu1 1 0 0 1\nintr 5\n")
    }

    #[test]
    fn a_window_has_what_was_counted_in_it() {
        let is_card = |name: &str| name == "eth0";
        let before = counted(&stat(100, 100), "pgpgin 1000\npgpgout 10\n", NET, is_card);
        assert_eq!((before.received_bytes, before.sent_bytes), (4_096, 2_048), "of the card alone");
        let after =
            Counted { received_bytes: 14_336, ..counted(&stat(400, 800), "pgpgin 2000\npgpgout 10\n", NET, is_card) };
        let meminfo = "MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\n";
        let load = load(&stat(400, 800), meminfo, before, after, Duration::from_secs(5));
        assert_eq!((load.cpu_milli, load.busy_milli), (2_000, 600), "300 of 1,000 ticks of two cores");
        assert_eq!((load.read_kib_per_second, load.written_kib_per_second), (200, 0));
        assert_eq!((load.received_kib_per_second, load.sent_kib_per_second), (2, 0));
        assert_eq!((load.memory_kib, load.available_kib), (2_048, 1_024));
    }

    #[test]
    fn the_share_of_time_in_which_work_waits_is_read() {
        let text = "some avg10=25.35 avg60=35.53 avg300=35.55 total=1975403437\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(waits_permille(text), Some(253));
        assert_eq!([waits_permille(""), waits_permille("some avg10=much")], [None, None]);
    }

    #[test]
    fn the_first_look_begins_a_window() {
        let mut meter = HostMeter::default();
        assert_eq!((meter.look(), meter.look()), (None, None));
        meter.last = meter.last.map(|(at, counted)| (at - WINDOW, counted));
        let load = meter.look().expect("a window is over");
        assert!(load.cpu_milli >= 1_000 && load.memory_kib > load.available_kib, "{load:?}");
    }
}
