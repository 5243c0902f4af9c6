//! Reads servers.

use std::net::SocketAddr;

use super::super::options::Setting;
use super::line::{Line, hexadecimal, number};
use crate::Result;
use crate::ipvs::model::key::ServiceKey;
use crate::ipvs::model::server::{ForwardingMethod, RealServer};
use crate::ipvs::model::tunnel::{Tunnel, TunnelFlags};

impl Line<'_> {
    /// Reads a server's address. As in the tool, a missing port is the service's.
    pub(super) fn server_address(&self, key: Option<&ServiceKey>) -> Result<SocketAddr> {
        let word = self
            .value(Setting::Server)
            .ok_or_else(|| self.words.wrong_line("a server (`-r`) is missing"))?;
        let port = key.and_then(ServiceKey::socket_address).map(|it| it.port());
        let protocol = key.and_then(ServiceKey::protocol);
        self.address(word, port.unwrap_or(0), protocol)
    }

    pub(super) fn server(&self, key: Option<&ServiceKey>) -> Result<RealServer> {
        let address = self.server_address(key)?;
        let mut server = RealServer::new(address).forwarding(self.forwarding()?);
        if let Some(weight) = self.number(Setting::Weight)? {
            server.weight = weight;
        }
        server.upper_threshold = self.number(Setting::Upper)?.unwrap_or(0);
        server.lower_threshold = self.number(Setting::Lower)?.unwrap_or(0);
        Ok(server)
    }

    fn forwarding(&self) -> Result<ForwardingMethod> {
        let method = self.at(Setting::DirectRouting);
        if !method.is_some_and(|it| it.setting == Setting::Tunnel) {
            let options = [
                Setting::TunnelType,
                Setting::TunnelPort,
                Setting::TunnelNoChecksum,
            ];
            if let Some(stray) = options.iter().find_map(|it| self.at(*it)) {
                let why = format!("`{}` requires `-i`", stray.name.text);
                return Err(self.words.wrong(stray.name, why));
            }
        }
        let Some(method) = method else {
            return Ok(ForwardingMethod::DirectRouting);
        };
        Ok(match method.setting {
            Setting::Tunnel => ForwardingMethod::Tunnel(self.tunnel()?),
            Setting::Masquerade => ForwardingMethod::Masquerade,
            Setting::Forward => {
                let word = method.value.unwrap_or(method.name);
                match word.text {
                    "local" => ForwardingMethod::LocalNode,
                    "bypass" => ForwardingMethod::Bypass,
                    _ => ForwardingMethod::from_number(number(&self.words, word)?, Tunnel::Ipip),
                }
            }
            _ => ForwardingMethod::DirectRouting,
        })
    }

    fn tunnel(&self) -> Result<Tunnel> {
        let port: Option<u16> = self.number(Setting::TunnelPort)?;
        let checksum = self.at(Setting::TunnelNoChecksum);
        let flags = match checksum {
            None => TunnelFlags::empty(),
            Some(given) => match given.setting {
                Setting::TunnelChecksum => TunnelFlags::CHECKSUM,
                Setting::TunnelRemoteChecksum => TunnelFlags::REMOTE_CHECKSUM,
                Setting::TunnelFlags => {
                    let word = given.value.unwrap_or(given.name);
                    let bits = hexadecimal(word.text).and_then(|it| u16::try_from(it).ok());
                    let bits = bits.ok_or_else(|| {
                        let why = format!("`{}` is not a number such as 0x3", word.text);
                        self.words.wrong(word, why)
                    })?;
                    TunnelFlags::from_bits_retain(bits)
                }
                _ => TunnelFlags::empty(),
            },
        };
        let Some(kind) = self.value(Setting::TunnelType) else {
            let options = [Setting::TunnelPort, Setting::TunnelNoChecksum];
            return match options.iter().find_map(|it| self.at(*it)) {
                None => Ok(Tunnel::Ipip),
                Some(stray) => {
                    let why = format!("`{}` requires `--tun-type`", stray.name.text);
                    Err(self.words.wrong(stray.name, why))
                }
            };
        };
        match (kind.text, port, checksum) {
            ("ipip", None, None) => Ok(Tunnel::Ipip),
            ("ipip", ..) => Err(self.words.wrong(kind, "`ipip` has no port and no checksum")),
            ("gue", Some(port), _) => Ok(Tunnel::Gue { port, flags }),
            ("gue", None, _) => Err(self.words.wrong(kind, "`gue` needs `--tun-port`")),
            ("gre", None, _) => Ok(Tunnel::Gre { flags }),
            ("gre", Some(_), _) => Err(self.words.wrong(kind, "`gre` has no port")),
            ("unreported", None, None) => Ok(Tunnel::Unreported),
            (_, port, _) => {
                let number = number(&self.words, kind)?;
                Ok(Tunnel::from_parts(number, port.unwrap_or(0), flags))
            }
        }
    }
}
