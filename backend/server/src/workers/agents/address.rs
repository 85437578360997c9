//! Where the front of a service may be sent by an agent: to copies on that agent's own host, and nowhere else.
//!
//! An agent is trusted with the requests of the services that it offers, not with this server's other neighbours.
use crate::workers::agents::{Heartbeat, Hosts};
use headroom_execution::NodeId;
use headroom_execution::linux::boot;
use headroom_execution::service::is_port_of_copies;
use std::net::Ipv4Addr;

/// Why a heartbeat is not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeartbeatRefused {
    /// Another host speaks for a node whose agent is heard.
    AnotherHost,
    /// The address of its copies is none that requests are sent to.
    Address(String),
}

/// Copies listen at certain ports only.
pub(super) fn check_ports(told: &Heartbeat) -> Result<(), HeartbeatRefused> {
    let ports = told.copies.iter().filter_map(|copy| copy.port);
    match ports.into_iter().find(|port| !is_port_of_copies(*port)) {
        None => Ok(()),
        Some(port) => Err(HeartbeatRefused::Address(format!("Copies of services do not listen at port {port}."))),
    }
}

impl Hosts {
    /// One address is of one host, and this host's own is only of agents beside the server.
    pub(super) fn check_address(&self, node: &NodeId, told: &Heartbeat) -> Result<(), HeartbeatRefused> {
        let Some(address) = told.address else { return Ok(()) };
        let refused = |why: String| Err(HeartbeatRefused::Address(why));
        if !is_of_a_host(address) {
            return refused(format!("{address} is no address of a host. Start the agent with --address and its own."));
        }
        if address.is_loopback() && told.boot != boot() {
            return refused(format!(
                "{address} leads to the server's own host, and this agent is on another. Start it with --address and its own."
            ));
        }
        let is_anothers = |other: &NodeId| {
            let host = self.of.get(other).filter(|host| other != node && !host.is_silent());
            let heard = host.and_then(|host| host.heard.as_ref()).map(|heard| &heard.heartbeat);
            heard.is_some_and(|heard| heard.address == Some(address) && heard.boot != told.boot)
        };
        match self.of.keys().find(|other| is_anothers(other)) {
            Some(other) => refused(format!("{address} is the address of node {other}, which another host serves.")),
            None => Ok(()),
        }
    }
}

fn is_of_a_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified() || address.is_link_local() || address.is_multicast() || address.is_broadcast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::agents::{Agents, CopyReport, WorkloadReport};
    use std::sync::Arc;

    fn told(host: &str, address: [u8; 4]) -> Heartbeat {
        let version = "1".to_owned();
        Heartbeat { version, boot: host.to_owned(), address: Some(Ipv4Addr::from(address)), ..Heartbeat::default() }
    }

    async fn beat(agents: &Agents, node: &str, told: Heartbeat) -> Result<(), HeartbeatRefused> {
        agents.heartbeat(&NodeId::from(node), told).await.map(|_| ())
    }

    #[tokio::test]
    async fn no_agent_leads_requests_to_the_server_or_to_others() {
        let agents = Arc::new(Agents::default());
        for strange in [[127, 0, 0, 1], [127, 9, 9, 9], [0, 0, 0, 0], [169, 254, 169, 254], [224, 0, 0, 1], [255; 4]] {
            let refused = beat(&agents, "nod_a", told("a", strange)).await;
            assert!(matches!(refused, Err(HeartbeatRefused::Address(_))), "{strange:?}");
        }
        assert_eq!(beat(&agents, "nod_a", told(&boot(), [127, 0, 0, 1])).await, Ok(()), "beside the server");
        assert_eq!(beat(&agents, "nod_b", told("b", [10, 0, 0, 2])).await, Ok(()));
        let taken = beat(&agents, "nod_c", told("c", [10, 0, 0, 2])).await;
        assert!(matches!(&taken, Err(HeartbeatRefused::Address(why)) if why.contains("nod_b")), "{taken:?}");
        assert_eq!(beat(&agents, "nod_d", told("b", [10, 0, 0, 2])).await, Ok(()), "two nodes of one host");
    }

    #[tokio::test]
    async fn no_agent_leads_requests_to_ports_of_other_programs() {
        let agents = Arc::new(Agents::default());
        for (port, is_taken) in [(22, false), (5_432, false), (18_000, true), (31_999, true), (32_000, false)] {
            let counts = WorkloadReport {
                instance: "ins_a".to_owned(),
                epoch: 1,
                cpu_milli: 0,
                cpu_micros: None,
                throttled_micros: 0,
                mem_kib: 0,
                refused: None,
                ended: None,
            };
            let copies = vec![CopyReport { counts, port: Some(port) }];
            let answer = beat(&agents, "nod_a", Heartbeat { copies, ..told("a", [10, 0, 0, 2]) }).await;
            assert_eq!(answer.is_ok(), is_taken, "{port}");
        }
    }
}
