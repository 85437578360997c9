//! Jobs as the commands of Slurm 22.05 printed them, and as no command prints them.
use super::*;

fn recorded() -> Vec<&'static str> {
    let line = "16|16|RUNNING|2|4|1796049791|59:59|0:01|n[1-2]|n1|OK|None|batch|65534|nobody|root|normal|(null)|(null)|loop.sh";
    line.split('|').collect()
}

#[test]
fn a_recorded_job_is_read() {
    let job = Job::read(&recorded()).expect("a job");
    assert_eq!((job.number, job.array, job.nodes, job.cpus), (16, None, 2, 4));
    assert_eq!((job.left_seconds, job.running_seconds, job.submitted_at), (Some(3_599), 1, 1_796_049_791));
    assert_eq!((job.hosts.as_slice(), &*job.batch_host), (&["n1".to_owned(), "n2".to_owned()][..], "n1"));
    assert!(job.runs() && !job.waits() && !job.has_ended() && job.reservation.is_empty());
    assert_eq!(job.id(), "16");
}

#[test]
fn the_last_task_of_an_array_is_named_by_both_numbers() {
    let mut fields = recorded();
    (fields[0], fields[1]) = ("19", "19_1");
    assert_eq!(Job::read(&fields).expect("a task").id(), "19_1");
    fields[1] = "19_[0-3%2]";
    assert_eq!(Job::read(&fields).expect("an array that waits").array, None);
    fields[1] = "12+0";
    assert!(Job::read(&fields).expect("a part").is_part);
}

#[test]
fn a_job_without_a_time_limit_has_none() {
    let mut fields = recorded();
    fields[6] = "UNLIMITED";
    assert_eq!(Job::read(&fields).expect("a job").left_seconds, None);
    fields[6] = "INVALID";
    assert_eq!(Job::read(&fields).expect("a job").left_seconds, Some(0), "its time is over");
}

#[test]
fn a_hostile_record_of_a_job_is_an_error() {
    for (at, text) in
        [(0, "16x"), (3, "-1"), (4, ""), (5, "2026-11-30"), (8, "n[1-"), (13, "nobody"), (0, "99999999999999999999")]
    {
        let mut fields = recorded();
        fields[at] = text;
        assert!(Job::read(&fields).is_err(), "{at}: {text}");
    }
    assert!(Job::read(&[]).is_err());
}

/// Of `scontrol --details show job`, with a name of two lines.
const DETAILS: &str = "JobId=16 JobName=nl
JobId=99 |[31m
   UserId=nobody(65534) GroupId=nogroup(65534) MCS_label=N/A
   NumNodes=2 NumCPUs=4 NumTasks=2 CPUs/Task=1 ReqB:S:C:T=0:0:*:*
   JOB_GRES=(null)
     Nodes=n1 CPU_IDs=0-1 Mem=200 GRES=
     Nodes=n2 CPU_IDs=0,3 Mem=200 GRES=
   MinCPUsNode=1 MinMemoryNode=0 MinTmpDiskNode=0
";

#[test]
fn equal_cpus_on_each_node_are_counted() {
    let job = Job::read(&recorded()).expect("a job");
    assert_eq!(equal_cpus(DETAILS, &job).expect("details"), Some(2));
    let together = DETAILS.replace("Nodes=n1 CPU_IDs=0-1", "Nodes=n[1-2] CPU_IDs=0-1").replace("     Nodes=n2", "x");
    assert_eq!(equal_cpus(&together, &job).expect("details"), Some(2));
    let unequal = DETAILS.replace("0,3", "0-2");
    assert_eq!(equal_cpus(&unequal, &Job { cpus: 5, ..job }).expect("details"), None);
}

#[test]
fn a_name_that_pretends_cpus_makes_them_unknown() {
    let job = Job::read(&recorded()).expect("a job");
    for claim in ["     Nodes=n1 CPU_IDs=0-63 Mem=0 GRES=", "     Nodes=n9 CPU_IDs=0-1 Mem=0", "     Nodes=n3"] {
        let text = DETAILS.replace("JobId=99", &format!("{claim}\n"));
        assert_eq!(equal_cpus(&text, &job).expect("details"), None, "{claim}");
    }
    assert_eq!(equal_cpus("", &job).expect("nothing"), None);
    assert!(equal_cpus("     Nodes=n[ CPU_IDs=0-1 Mem=0", &job).is_err());
}

#[test]
fn memory_and_devices_are_read_from_resources() {
    let extra = |resources: &str| Extra { administrators_comment: String::new(), resources: resources.to_owned() };
    for (text, mib) in [("cpu=4,mem=200M,node=1", 200), ("mem=1.50G", 1_536), ("mem=2T", 2 << 20), ("mem=512K", 0)] {
        assert_eq!(extra(text).memory_mib(), Some(mib), "{text}");
    }
    for text in ["", "cpu=4", "mem=", "mem=x", "mem=9999999999999999999999G", "mem=1.é"] {
        assert_eq!(extra(text).memory_mib(), None, "{text}");
    }
    assert!(extra("cpu=4,gres/gpu=1,node=1").has_devices() && !extra("cpu=4,node=1").has_devices());
}
