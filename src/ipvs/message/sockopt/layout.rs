use super::{server, service};

/// The layout of the structures that contain statistics.
///
/// Among the statistics are two numbers of 64 bits, so the layout depends on their alignment in
/// the kernel: four bytes on 32-bit x86, eight everywhere else. A 32-bit program can run on a
/// 64-bit kernel, which has no other structures for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ipvs) struct Layout {
    alignment: usize,
}

impl Layout {
    /// The layout of all kernels but 32-bit x86.
    pub(super) const EIGHT: Self = Self { alignment: 8 };
    /// The layout of 32-bit x86.
    pub(super) const FOUR: Self = Self { alignment: 4 };

    /// Both layouts, with the one of kernels for this program's own machine first.
    pub(in crate::ipvs) const ALL: [Self; 2] = match align_of::<u64>() {
        8 => [Self::EIGHT, Self::FOUR],
        _ => [Self::FOUR, Self::EIGHT],
    };

    const fn aligned(self, offset: usize) -> usize {
        offset.next_multiple_of(self.alignment)
    }

    /// Returns the offset of the numbers of bytes in the statistics, behind three other counters.
    pub(super) const fn bytes(self) -> usize {
        self.aligned(3 * 4)
    }

    /// Returns the length of the statistics: five counters and five rates.
    pub(super) const fn statistics(self) -> usize {
        self.aligned(self.bytes() + 2 * 8 + 5 * 4)
    }

    /// Returns the length of a service in a report.
    pub(in crate::ipvs) const fn service(self) -> usize {
        self.service_statistics() + self.statistics()
    }

    /// Returns the offset of the statistics of a service.
    pub(super) const fn service_statistics(self) -> usize {
        self.aligned(service::STATISTICS)
    }

    /// Returns the length of a server in a report.
    pub(in crate::ipvs) const fn server(self) -> usize {
        self.server_statistics() + self.statistics()
    }

    /// Returns the offset of the statistics of a server.
    pub(super) const fn server_statistics(self) -> usize {
        self.aligned(server::STATISTICS)
    }

    /// Returns the length of the header of a list of services: their number.
    pub(in crate::ipvs) const fn services_header(self) -> usize {
        self.aligned(4)
    }

    /// Returns the length of the header of a list of servers: the service, and their number.
    pub(in crate::ipvs) const fn servers_header(self) -> usize {
        self.aligned(service::KEY + 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths that a C compiler finds for the structures of the kernel's header.
    #[test]
    fn lengths() {
        let of = |it: Layout| {
            [
                it.statistics(),
                it.service(),
                it.server(),
                it.services_header(),
                it.servers_header(),
            ]
        };
        assert_eq!(of(Layout::EIGHT), [56, 104, 96, 8, 24]);
        assert_eq!(of(Layout::FOUR), [48, 96, 84, 4, 20]);
    }
}
