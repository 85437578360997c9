//! The Resource Optimization Score of a workload in a low tier, beside a pool of another speed.
use crate::support::away::{pool, workload};
use crate::support::world::{RHYTHM, World, amounts, participant};
use headroom_market::advice::gather::{Criteria, Outlooks, swap_problem};
use headroom_market::advice::places::pop_facts;
use headroom_market::advice::pops::{MigrationCost, PopFacts};
use headroom_market::advice::score::PERFORMANCE_PROPERTY;
use headroom_market::command::Command;
use headroom_market::pool::Tier;
use headroom_market::units::{Amounts, Credits, Resource, Share};
use headroom_market::workload::SlotOutlook;

const CPU: Resource = Resource::CpuMilli;
/// Nano-credits a unit.
const LOW: i128 = 500_000;
const FAST: i128 = 1_000_000;

/// The facts of the low tier `low`, where a workload has 1,000 millicores and needs so many, and of the fast pool `fast`
/// of twice its price. Speeds are those that were measured.
fn facts(needs: i64, low: Option<i64>, fast: Option<i64>) -> (PopFacts, PopFacts) {
    let mut world = World::new(5);
    for (slug, tier, price, speed) in
        [("low", Tier::LowPriority, "0.0005", low), ("fast", Tier::HighPerformance, "0.001", fast)]
    {
        pool(&mut world, slug, &[CPU, Resource::MemMib], price);
        world.state.pools.get_mut(slug).expect("it was made").tier = tier;
        let properties = speed.map(|speed| (PERFORMANCE_PROPERTY.to_owned(), speed)).into_iter().collect();
        let (pool, capacity) = (slug.to_owned(), amounts(8_000, 8_000));
        world.run(Command::CreateNode { name: slug.to_owned(), pool, capacity, properties });
    }
    let owner = participant(&mut world, "owner", "1000");
    let instance = workload(&mut world, owner, "low", amounts(1_000, 1_000), amounts(8_000, 4_000));
    let need: Amounts = [(CPU, needs)].into();
    let slot = RHYTHM.first_open(world.now);
    let outlook = SlotOutlook { slot, need: vec![(900, need)], lendable: Amounts::new(), joint: None };
    let outlooks: Outlooks = [(instance, vec![outlook])].into();
    let criteria = Criteria {
        instance,
        improvement: None,
        saving: None::<Share>,
        max_cost: None,
        keep_node: true,
        latest: None,
        move_cost: Credits::ZERO,
    };
    let problem = swap_problem(&world.state, world.now, &outlooks, &criteria);
    let (plan, move_cost) = (problem.as_it_is(), MigrationCost::default());
    let mut facts = pop_facts(&world.state, world.now, instance, &problem, &plan, &move_cost, false);
    let mut of = |pool: &str| facts.swap_remove(facts.iter().position(|f| f.pool == pool).expect("every pool"));
    (of("low"), of("fast"))
}

#[test]
fn a_workload_that_fits_its_low_tier_scores_nothing() {
    for measured in [None, Some(750), Some(40)] {
        assert_eq!(facts(1_000, measured, None).0.score_nano, Some(0), "{measured:?}");
    }
    assert_eq!(facts(1_500, Some(750), None).0.score_nano, Some(500 * LOW), "a third of its need is missing");
}

#[test]
fn another_pool_has_a_score_only_by_measured_speeds() {
    // 1,000 units of twice the price, of twice the speed, of four times it.
    assert_eq!(facts(1_000, Some(500), Some(500)).1.score_nano, Some(1_000 * FAST - 1_000 * LOW));
    assert_eq!(facts(1_000, Some(500), Some(1_000)).1.score_nano, Some(0));
    assert_eq!(facts(1_000, Some(500), Some(2_000)).1.score_nano, Some(1_000 * FAST - 4_000 * LOW));
    for (low, fast) in [(None, Some(1_000)), (Some(500), None), (None, None)] {
        assert_eq!(facts(1_000, low, fast).1.score_nano, None, "{low:?} {fast:?}");
    }
}
