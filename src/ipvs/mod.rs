//! IPVS: the kernel's layer-4 load balancer.
