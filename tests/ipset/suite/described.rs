//! Sets whose description has another type or family than the set in the kernel.

use ipvset::OnFailure;
use ipvset::ipset::IpSet;
use ipvset::ipset::elements::tcp;
use ipvset::ipset::types::{HashIp, HashIpPort};

use super::Test;
use super::common::{Outcome, created, set, tests, v4, v6};

pub(crate) fn tests() -> Vec<Test> {
    tests![&["hash:ip"]; a_set_that_is_described_wrongly]
}

/// Each answer about a set that is described with another family or type is true, or an error.
fn a_set_that_is_described_wrongly() -> Outcome {
    let (mut sets, six) = created(set::<HashIp>().inet6())?;
    sets.add(&six, v6("2001:db8::1"))?;
    let four = set::<HashIp>();
    let wrong = |error: ipvset::Error| {
        let text = error.to_string();
        assert!(error.is_invalid_input(), "{text}");
        let parts = ["described as", "IPv4", "IPv6", "IpSets::get"];
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    let refused = sets.add(&four, v6("2001:db8::2")).unwrap_err().to_string();
    assert!(
        refused.contains("described as") && !refused.contains("holds"),
        "{refused}"
    );
    let address = v4("10.0.0.1");
    wrong(sets.add(&four, address).unwrap_err());
    wrong(sets.put(&four, address).unwrap_err());
    wrong(sets.remove(&four, address).unwrap_err());
    wrong(sets.remove_if_present(&four, address).unwrap_err());
    wrong(sets.test(&four, address).unwrap_err());
    wrong(sets.test_all(&four, [address, address]).unwrap_err());
    wrong(
        sets.add_all(&four, [address], OnFailure::Stop)
            .into_result()
            .unwrap_err(),
    );
    let outcome = sets.add_all(&four, [address, address], OnFailure::Continue);
    assert_eq!((outcome.applied(), outcome.failures().len()), (0, 2));
    wrong(outcome.into_result().unwrap_err());
    wrong(
        sets.remove_all(&four, [address], OnFailure::Stop)
            .into_result()
            .unwrap_err(),
    );

    let ports = IpSet::<HashIpPort>::new("s")?.inet6();
    let entry = || (v6("2001:db8::1"), tcp(80));
    for error in [
        sets.add(&ports, entry()).unwrap_err(),
        sets.test(&ports, entry()).unwrap_err(),
        sets.test_all(&ports, [entry()]).unwrap_err(),
    ] {
        let text = error.to_string();
        let why = "the set is described as hash:ip,port, but is hash:ip;";
        assert!(error.is_invalid_input() && text.contains(why), "{text}");
    }
    // The description that the kernel returns.
    let there = sets.get::<HashIp>("s")?;
    sets.add(&there, v6("2001:db8::2"))?;
    assert!(sets.test(&there, v6("2001:db8::2"))? && !sets.test(&there, v6("2001:db8::3"))?);
    let tested = sets.test_all(&there, [v6("2001:db8::3"), v6("2001:db8::1")])?;
    assert_eq!(tested, [false, true]);
    Ok(())
}
