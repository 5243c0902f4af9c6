//! ipset: sets of addresses, networks and ports that firewall rules match on.
