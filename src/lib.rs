#![doc = "Linux IPVS and ipset over netlink."]
