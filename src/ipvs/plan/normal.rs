//! What the kernel makes of a configuration.

use crate::ipvs::model::persistence::Persistence;
use crate::ipvs::model::service::VirtualService;

/// Returns true if `present` is what the kernel reports of a service that was configured as
/// `wanted`.
///
/// The crate's types keep what the kernel keeps, and not the flags that it sets itself. But the
/// kernel counts the ticks of a persistence timeout in 32 bits, so one that is very long becomes
/// a short one.
pub(super) fn is_stored_as(wanted: &VirtualService, present: &VirtualService) -> bool {
    if wanted == present {
        return true;
    }
    let (Some(one), Some(other)) = (wanted.persistence, present.persistence) else {
        return false;
    };
    let with_timeout = one.with_timeout(other.timeout());
    overflows_to(&one, &other)
        && *present
            == VirtualService {
                persistence: Some(with_timeout),
                ..wanted.clone()
            }
}

/// The numbers of ticks per second that kernels are built with (`CONFIG_HZ`).
const TICKS: [u32; 8] = [24, 48, 100, 128, 250, 256, 300, 1000];

/// Returns true if a timeout becomes the other one because its ticks do not fit into 32 bits.
fn overflows_to(wanted: &Persistence, present: &Persistence) -> bool {
    wanted.timeout() > Persistence::MAX_TIMEOUT
        && TICKS
            .iter()
            .any(|ticks| wanted.seconds().wrapping_mul(*ticks) / ticks == present.seconds())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn web(seconds: u64) -> VirtualService {
        let web = VirtualService::tcp("10.0.0.1:80".parse().unwrap());
        web.persistent(Duration::from_secs(seconds))
    }

    #[test]
    fn a_timeout_that_overflows_is_stored_as_a_short_one() {
        // 2^32 ticks are 42,949,672.96 s with 100 ticks a second.
        assert!(is_stored_as(&web(42_949_673), &web(0)));
        assert!(is_stored_as(&web(42_949_700), &web(27)));
        assert!(is_stored_as(&web(4_294_968), &web(0)));
        assert!(!is_stored_as(&web(42_949_700), &web(29)));
        assert!(!is_stored_as(&web(4_294_967), &web(0)));
        let masked = web(27).persistence_granularity(24);
        assert!(!is_stored_as(&web(42_949_700), &masked));
        let other = web(27).one_packet();
        assert!(!is_stored_as(&web(42_949_700), &other));
    }
}
