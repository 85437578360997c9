//! The best fill of a set: the nearest point of its bounds to what is wanted.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Filled as it is at all prices close by.
    Far,
    Near,
}

/// Replaces what is wanted by the nearest fill: within the bounds of a single column; of several none under 0 and all
/// together at most 1.
pub fn fill(wanted: &mut [f64], bounds: (&[f64], &[f64])) {
    if let [single] = wanted {
        *single = single.clamp(bounds.0[0], bounds.1[0]);
        return;
    }
    let over = excess(wanted, bounds);
    for (fill, (low, high)) in wanted.iter_mut().zip(bounds.0.iter().zip(bounds.1)) {
        *fill = (*fill - over).clamp(*low, *high);
    }
}

/// What has to go from each of several fills so that they add up to 1 at most within their bounds.
pub fn excess(wanted: &[f64], bounds: (&[f64], &[f64])) -> f64 {
    let is_usual = bounds.0.iter().all(|low| *low == 0.0) && bounds.1.iter().all(|high| *high == 1.0);
    if is_usual {
        return usual_excess(wanted);
    }
    let total = |over: f64| -> f64 {
        let all = wanted.iter().zip(bounds.0.iter().zip(bounds.1));
        all.map(|(fill, (low, high))| (fill - over).clamp(*low, *high)).sum()
    };
    if total(0.0) <= 1.0 {
        return 0.0;
    }
    // The total falls in straight pieces; its kinks are where a fill meets a bound.
    let kinks =
        wanted.iter().zip(bounds.0.iter().zip(bounds.1)).flat_map(|(fill, (low, high))| [fill - low, fill - high]);
    let mut kinks: Vec<f64> = kinks.filter(|kink| *kink > 0.0).collect();
    kinks.sort_unstable_by(f64::total_cmp);
    let (mut before, mut above) = (0.0, total(0.0));
    for kink in kinks {
        let here = total(kink);
        if here <= 1.0 {
            return if above - here > 0.0 { before + (kink - before) * (above - 1.0) / (above - here) } else { kink };
        }
        (before, above) = (kink, here);
    }
    before
}

/// The same for fills of 0 to 1: what is wanted least drops out until the rest is above its excess (Michelot, 1986).
fn usual_excess(wanted: &[f64]) -> f64 {
    if wanted.iter().map(|fill| fill.clamp(0.0, 1.0)).sum::<f64>() <= 1.0 {
        return 0.0;
    }
    let mut over = f64::NEG_INFINITY;
    loop {
        let (mut sum, mut count) = (-1.0, 0.0);
        for fill in wanted.iter().filter(|fill| **fill > over) {
            sum += fill;
            count += 1.0;
        }
        let next = sum / count;
        if next <= over {
            return over.max(0.0);
        }
        over = next;
    }
}

/// Whether prices close by may change the fill.
pub fn judge(wanted: &[f64], bounds: (&[f64], &[f64]), margin: f64) -> Kind {
    let is_far = match wanted {
        [single] => *single <= bounds.0[0] - margin || *single >= bounds.1[0] + margin,
        several => {
            let (mut first, mut second) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
            for wanted in several {
                if *wanted > first {
                    second = first;
                    first = *wanted;
                } else {
                    second = second.max(*wanted);
                }
            }
            let is_usual = bounds.0.iter().all(|low| *low == 0.0) && bounds.1.iter().all(|high| *high == 1.0);
            is_usual && (first <= -margin || (first >= 1.0 + margin && first - second >= 1.0 + margin))
        }
    };
    if is_far { Kind::Far } else { Kind::Near }
}
