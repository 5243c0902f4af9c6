//! The tool's options: their names, their values, and the commands that take them.

/// A command, which is a line's first option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    AddService,
    EditService,
    PutService,
    DeleteService,
    AddServer,
    /// [`Command::AddServer`] in a wanted table.
    WantServer,
    EditServer,
    PutServer,
    DeleteServer,
    Clear,
    Zero,
    SetTimeouts,
    StartDaemon,
    StopDaemon,
}

/// An option of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Tcp,
    Udp,
    Sctp,
    Protocol,
    Mark,
    Ipv6,
    Scheduler,
    Persistent,
    Netmask,
    Engine,
    OnePacket,
    Flags,
    Server,
    DirectRouting,
    Tunnel,
    Masquerade,
    Forward,
    Weight,
    KeepWeight,
    Upper,
    Lower,
    TunnelType,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
    TunnelFlags,
    IfPresent,
    Interface,
    SyncId,
    MaxLength,
    Group,
    Port,
    Ttl,
}

/// The value of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    Value,
    /// A value, unless another option follows or the line ends.
    ValueOrNothing,
}

const COMMANDS: &[(&str, &str, Command)] = &[
    ("-A", "--add-service", Command::AddService),
    ("-E", "--edit-service", Command::EditService),
    ("", "--put-service", Command::PutService),
    ("-D", "--delete-service", Command::DeleteService),
    ("-a", "--add-server", Command::AddServer),
    ("-e", "--edit-server", Command::EditServer),
    ("", "--put-server", Command::PutServer),
    ("-d", "--delete-server", Command::DeleteServer),
    ("-C", "--clear", Command::Clear),
    ("-Z", "--zero", Command::Zero),
    ("", "--set", Command::SetTimeouts),
    ("", "--start-daemon", Command::StartDaemon),
    ("", "--stop-daemon", Command::StopDaemon),
];

const SETTINGS: &[(&str, &str, Setting, Takes)] = &[
    ("-t", "--tcp-service", Setting::Tcp, Takes::Value),
    ("-u", "--udp-service", Setting::Udp, Takes::Value),
    ("", "--sctp-service", Setting::Sctp, Takes::Value),
    ("", "--protocol", Setting::Protocol, Takes::Value),
    ("-f", "--fwmark-service", Setting::Mark, Takes::Value),
    ("-6", "--ipv6", Setting::Ipv6, Takes::Nothing),
    ("-s", "--scheduler", Setting::Scheduler, Takes::Value),
    (
        "-p",
        "--persistent",
        Setting::Persistent,
        Takes::ValueOrNothing,
    ),
    ("-M", "--netmask", Setting::Netmask, Takes::Value),
    ("", "--pe", Setting::Engine, Takes::Value),
    ("-o", "--ops", Setting::OnePacket, Takes::Nothing),
    ("-b", "--sched-flags", Setting::Flags, Takes::Value),
    ("-r", "--real-server", Setting::Server, Takes::Value),
    ("-g", "--gatewaying", Setting::DirectRouting, Takes::Nothing),
    ("-i", "--ipip", Setting::Tunnel, Takes::Nothing),
    ("-m", "--masquerading", Setting::Masquerade, Takes::Nothing),
    ("", "--forward", Setting::Forward, Takes::Value),
    ("-w", "--weight", Setting::Weight, Takes::Value),
    ("", "--keep-weight", Setting::KeepWeight, Takes::Nothing),
    ("-x", "--u-threshold", Setting::Upper, Takes::Value),
    ("-y", "--l-threshold", Setting::Lower, Takes::Value),
    ("", "--tun-type", Setting::TunnelType, Takes::Value),
    ("", "--tun-port", Setting::TunnelPort, Takes::Value),
    (
        "",
        "--tun-nocsum",
        Setting::TunnelNoChecksum,
        Takes::Nothing,
    ),
    ("", "--tun-csum", Setting::TunnelChecksum, Takes::Nothing),
    (
        "",
        "--tun-remcsum",
        Setting::TunnelRemoteChecksum,
        Takes::Nothing,
    ),
    ("", "--tun-flags", Setting::TunnelFlags, Takes::Value),
    ("", "--if-present", Setting::IfPresent, Takes::Nothing),
    ("", "--mcast-interface", Setting::Interface, Takes::Value),
    ("", "--syncid", Setting::SyncId, Takes::Value),
    ("", "--sync-maxlen", Setting::MaxLength, Takes::Value),
    ("", "--mcast-group", Setting::Group, Takes::Value),
    ("", "--mcast-port", Setting::Port, Takes::Value),
    ("", "--mcast-ttl", Setting::Ttl, Takes::Value),
];

/// Returns the command of this name.
pub(super) fn command(name: &str) -> Option<Command> {
    COMMANDS
        .iter()
        .find(|(short, long, _)| !name.is_empty() && (*short == name || *long == name))
        .map(|(_, _, command)| *command)
}

/// Options that older versions of the tool print without dashes.
const BARE: &[(&str, &str)] = &[("ops", "--ops"), ("pe", "--pe")];

/// Returns the option of this name, and what value it takes.
pub(super) fn setting(name: &str) -> Option<(Setting, Takes)> {
    let bare = BARE.iter().find(|(bare, _)| *bare == name);
    let name = bare.map_or(name, |(_, name)| name);
    SETTINGS
        .iter()
        .find(|(short, long, ..)| !name.is_empty() && (*short == name || *long == name))
        .map(|(_, _, setting, takes)| (*setting, *takes))
}

impl Setting {
    /// Returns the first option of those that exclude each other, as the name of their common
    /// place.
    pub(super) fn place(self) -> Self {
        match self {
            Self::Tcp | Self::Udp | Self::Sctp | Self::Protocol | Self::Mark => Self::Tcp,
            Self::DirectRouting | Self::Tunnel | Self::Masquerade | Self::Forward => {
                Self::DirectRouting
            }
            Self::TunnelNoChecksum
            | Self::TunnelChecksum
            | Self::TunnelRemoteChecksum
            | Self::TunnelFlags => Self::TunnelNoChecksum,
            other => other,
        }
    }

    /// Returns true if the command takes the option.
    pub(super) fn goes_with(self, command: Command) -> bool {
        use Command as C;
        let service = matches!(command, C::AddService | C::EditService | C::PutService);
        let server = matches!(
            command,
            C::AddServer | C::WantServer | C::EditServer | C::PutServer
        );
        let delete = matches!(command, C::DeleteService | C::DeleteServer);
        match self {
            Self::Tcp | Self::Udp | Self::Sctp | Self::Protocol | Self::Mark | Self::Ipv6 => {
                service || server || delete || command == C::Zero
            }
            Self::Scheduler
            | Self::Persistent
            | Self::Netmask
            | Self::Engine
            | Self::OnePacket
            | Self::Flags => service,
            Self::Server => server || command == C::DeleteServer,
            Self::DirectRouting
            | Self::Tunnel
            | Self::Masquerade
            | Self::Forward
            | Self::Weight
            | Self::Upper
            | Self::Lower
            | Self::TunnelType
            | Self::TunnelPort
            | Self::TunnelNoChecksum
            | Self::TunnelChecksum
            | Self::TunnelRemoteChecksum
            | Self::TunnelFlags => server,
            Self::KeepWeight => command == C::WantServer,
            Self::IfPresent => delete,
            Self::Interface
            | Self::SyncId
            | Self::MaxLength
            | Self::Group
            | Self::Port
            | Self::Ttl => command == C::StartDaemon,
        }
    }
}
