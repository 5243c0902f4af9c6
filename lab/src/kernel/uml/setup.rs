//! Sets up the guest before the program starts.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount, umount};
use nix::unistd::sethostname;

use super::order::Order;
use crate::error::{Error, Result, failed};
use crate::{link, tool};

/// The guest's own folders: empty at its start, gone at its end.
const OWN: [&str; 4] = ["/tmp", "/run", "/dev/shm", "/var/tmp"];

/// Where the lab keeps what it needs in the guest.
const LAB: &str = "/run/lab";

pub(super) fn guest(order: &Order) -> Result<()> {
    kernel_filesystems()?;
    // Held open, because the guest's own folders will hide it.
    let mut hidden: Vec<(PathBuf, OwnedFd)> = order
        .writable
        .iter()
        .chain(&order.visible)
        .chain([&order.modules, &order.executable])
        .filter_map(|path| hold(path))
        .collect();
    // A folder comes before its content, which is shown with it.
    hidden.sort_by(|(one, _), (other, _)| one.cmp(other));
    for folder in OWN.iter().filter(|folder| Path::new(folder).is_dir()) {
        file_system(
            "tmpfs",
            folder,
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
            Some("mode=1777"),
        )?;
    }
    fs::set_permissions("/run", fs::Permissions::from_mode(0o755))
        .map_err(failed("set up", "/run"))?;
    for folder in ["/run/netns", "/run/lock", LAB] {
        create_dir(folder)?;
    }
    for (path, held) in hidden {
        show(&path, &held)?;
    }
    for path in &order.writable {
        writable(path)?;
    }
    modules(&order.modules)?;
    let _ = sethostname("lab");
    link::up("lo")
}

fn kernel_filesystems() -> Result<()> {
    let strict = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    file_system("proc", "/proc", strict, None)?;
    file_system("sysfs", "/sys", strict, None)?;
    if !Path::new("/dev/null").exists() {
        file_system("devtmpfs", "/dev", MsFlags::MS_NOSUID, None)?;
    }
    for folder in ["/dev/pts", "/dev/shm"] {
        create_dir(folder)?;
    }
    file_system(
        "devpts",
        "/dev/pts",
        MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
        Some("ptmxmode=0666"),
    )?;
    for (name, to) in [
        ("fd", "fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        let _ = symlink(format!("/proc/self/{to}"), format!("/dev/{name}"));
    }
    Ok(())
}

fn file_system(kind: &str, at: &str, flags: MsFlags, data: Option<&str>) -> Result<()> {
    mount(Some(kind), at, Some(kind), flags, data).map_err(failed("mount", at))
}

fn create_dir(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    fs::create_dir_all(path).map_err(failed("create", path.display().to_string()))
}

/// Opens a path that is about to be hidden, without reading it.
fn hold(path: &Path) -> Option<(PathBuf, OwnedFd)> {
    let covered = OWN
        .iter()
        .any(|own| path.starts_with(own) && path != Path::new(own));
    let open = |path| {
        OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_PATH.bits())
            .open(path)
    };
    // What does not exist here need not be shown either.
    let file: File = open(path).ok().filter(|_| covered)?;
    Some((path.to_owned(), file.into()))
}

/// Shows a folder or file of the machine that one of the guest's own folders hides.
fn show(path: &Path, held: &OwnedFd) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let source = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    let is_dir = source.is_dir();
    if let Some(parent) = path.parent() {
        create_dir(if is_dir { path } else { parent })?;
    }
    if !is_dir {
        File::create(path).map_err(failed("create", path.display().to_string()))?;
    }
    mount(
        Some(&source),
        path,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .map_err(failed("show", path.display().to_string()))
}

/// Mounts a folder of the machine at its own path, so that the guest can write to it.
fn writable(path: &Path) -> Result<()> {
    let name = path.display().to_string();
    let wanted = fs::metadata(path).map_err(failed("find", &name))?.ino();
    let text = path
        .to_str()
        .ok_or_else(|| Error::Other(format!("{name} is not UTF-8")))?;
    // Kernels before 6.11 take the folder alone; later ones have options with names.
    for data in [text.to_owned(), format!("hostfs={text}")] {
        if mount(
            Some("none"),
            path,
            Some("hostfs"),
            MsFlags::empty(),
            Some(data.as_str()),
        )
        .is_err()
        {
            continue;
        }
        if fs::metadata(path).is_ok_and(|mounted| mounted.ino() == wanted) {
            return Ok(());
        }
        let _ = umount(path);
    }
    Err(Error::Other(format!(
        "the guest cannot mount {name} for writing"
    )))
}

/// Tells the kernel how to load its modules: they are not where modprobe looks, and the machine's folder cannot be written.
fn modules(folder: &Path) -> Result<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_err(failed("read", "the kernel's release"))?;
    let release = release.trim();
    let candidates = [
        folder.join(release),
        folder.join("lib/modules").join(release),
        folder.to_owned(),
    ];
    // A kernel with everything built in needs no modules.
    let Some(found) = candidates
        .iter()
        .find(|candidate| candidate.join("modules.dep").is_file())
    else {
        return Ok(());
    };
    let root = Path::new(LAB).join("lib/modules");
    create_dir(&root)?;
    let link = root.join(release);
    symlink(found, &link).map_err(failed("create", link.display().to_string()))?;
    // Where the machine has the folder, modprobe as typed in a shell finds the modules too.
    if Path::new("/lib/modules").is_dir() {
        let _ = mount(
            Some(&root),
            "/lib/modules",
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        );
    }
    let modprobe = tool::find("modprobe")
        .ok_or_else(|| Error::Other("modprobe (package kmod) is not installed".to_owned()))?;
    let script = Path::new(LAB).join("modprobe");
    let text = format!("#!/bin/sh\nexec {} -d {LAB} \"$@\"\n", modprobe.display());
    fs::write(&script, text).map_err(failed("write", script.display().to_string()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .map_err(failed("set up", script.display().to_string()))?;
    fs::write(
        "/proc/sys/kernel/modprobe",
        script.as_os_str().as_encoded_bytes(),
    )
    .map_err(failed("write", "/proc/sys/kernel/modprobe"))
}
