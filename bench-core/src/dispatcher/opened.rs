//! Checks, once and before the lanes run, that a transport opened the ports that its wiring asks for. Lanes find their ports by
//! number, so a port too few would be a panic in the middle of the run.

use crate::{
    blame::transport_name,
    transport::{Endpoint, OpenError},
    wiring::Wiring,
};

/// One endpoint for each instance, each with the ports that the instance needs.
///
/// # Errors
/// `Failed`, in a sentence with both numbers.
pub(super) fn check_all<S, R>(wiring: &Wiring, endpoints: &[Endpoint<S, R>]) -> Result<(), OpenError> {
    let (opened, wanted) = (endpoints.len(), usize::from(wiring.instance_count()));
    if opened != wanted {
        let (opened, wanted) = (counted(opened, "endpoint"), counted(wanted, "instance"));
        return Err(failed(wiring, format!("opened {opened} for {wanted}")));
    }
    for (service, of) in wiring.services.iter().enumerate() {
        let (sends, hears) = needs(wiring, service);
        for instance in of.instances.clone() {
            has(wiring, instance, &endpoints[usize::from(instance)], sends, hears)?;
        }
    }
    Ok(())
}

/// As [`check_all`], for an instance whose ports were opened again.
///
/// # Errors
/// As [`check_all`].
pub(super) fn checked<S, R>(
    wiring: &Wiring,
    instance: u16,
    endpoint: Endpoint<S, R>,
) -> Result<Endpoint<S, R>, OpenError> {
    let (sends, hears) = needs(wiring, wiring.service_of(instance));
    has(wiring, instance, &endpoint, sends, hears).map(|()| endpoint)
}

/// How many destinations a service sends to, and whether it hears anything.
fn needs(wiring: &Wiring, service: usize) -> (usize, bool) {
    (wiring.sends_of(service).count(), wiring.heard_by(service).next().is_some())
}

fn has<S, R>(
    wiring: &Wiring,
    instance: u16,
    endpoint: &Endpoint<S, R>,
    sends: usize,
    hears: bool,
) -> Result<(), OpenError> {
    let opened = endpoint.sends.len();
    let name = || wiring.instance_name(instance);
    if opened != sends {
        let (opened, sends) = (counted(opened, "send port"), counted(sends, "destination"));
        return Err(failed(wiring, format!("opened {opened} for {}, which sends to {sends}", name())));
    }
    if hears && endpoint.inbox.is_none() {
        return Err(failed(wiring, format!("opened no inbox for {}, which receives messages", name())));
    }
    Ok(())
}

fn failed(wiring: &Wiring, what: String) -> OpenError {
    OpenError::Failed(format!("{} {what}", transport_name(&wiring.transport)))
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
