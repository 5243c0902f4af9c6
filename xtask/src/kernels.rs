//! The kernels of User Mode Linux that Debian's suites have, so that tests can run on each.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup;
use crate::shell::{self, Outcome, root};

/// The kernels that the tests pass on: the version, and the suite of Debian that has it.
const KERNELS: [(&str, &str); 4] = [
    ("5.10", "bullseye"),
    ("6.1", "bookworm"),
    ("6.12", "trixie"),
    ("7.2", "sid"),
];

/// The folder of the kernels that were fetched.
const FOLDER: &str = "target/kernels";

const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Sets an executable's loader and libraries, because a newer kernel needs a newer C library than the machine has.
const PATCHELF: &str = "patchelf";
const LIBRARIES: &str = "libc/usr/lib/x86_64-linux-gnu";
const LOADER: &str = "libc/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";

/// Fetches all kernels that are not there yet, and prints where each is.
pub(crate) fn fetch_all() -> Outcome {
    for (version, _) in KERNELS {
        let kernel = fetch(version)?;
        println!("{version}: {}", kernel.release()?);
        for (name, value) in kernel.variables() {
            println!("    {name}={value}");
        }
    }
    Ok(())
}

/// A kernel that was fetched.
pub(crate) struct Kernel {
    folder: PathBuf,
}

/// Returns the kernel of this version or of this suite. Fetches it if it is not there.
pub(crate) fn fetch(name: &str) -> Result<Kernel, String> {
    let named = KERNELS
        .iter()
        .find(|(version, suite)| *version == name || *suite == name);
    let Some((version, suite)) = named else {
        let known = KERNELS.map(|(version, suite)| format!("{version} ({suite})"));
        return Err(format!(
            "the kernel {name} is not one of {}",
            known.join(", ")
        ));
    };
    let kernel = Kernel {
        folder: root().join(FOLDER).join(suite),
    };
    if !kernel.executable().exists() {
        if !shell::is_installed(PATCHELF) {
            setup::install(&[PATCHELF])?;
        }
        download(&kernel.folder, suite)?;
        kernel.prepare()?;
    }
    let release = kernel.release()?;
    if !release.starts_with(&format!("{version}.")) {
        return Err(format!(
            "Debian's {suite} has Linux {release} by now, not {version}: see lab/kernels.txt and xtask/src/kernels.rs"
        ));
    }
    Ok(kernel)
}

impl Kernel {
    /// The variables with which the lab uses this kernel.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        let path = |path: PathBuf| path.display().to_string();
        [
            ("IPVSET_UML", path(self.executable())),
            ("IPVSET_UML_MODULES", path(self.modules())),
        ]
    }

    fn executable(&self) -> PathBuf {
        self.folder.join("linux")
    }

    fn modules(&self) -> PathBuf {
        self.folder.join("root/usr/lib/uml/modules")
    }

    /// Returns the release, for example `6.1.0`, which names the folder of the modules.
    fn release(&self) -> Result<String, String> {
        let folder = self.modules();
        let failure = |error: io::Error| format!("{}: {error}", folder.display());
        let mut releases = fs::read_dir(&folder).map_err(failure)?;
        let release = releases
            .next()
            .ok_or_else(|| format!("{} is empty", folder.display()))?;
        Ok(release
            .map_err(failure)?
            .file_name()
            .to_string_lossy()
            .into_owned())
    }

    /// Makes the executable use the C library of its suite, and puts it where it is looked for.
    fn prepare(&self) -> Outcome {
        let path = |path: &str| self.folder.join(path).display().to_string();
        let executable = path("root/usr/bin/linux.uml");
        let arguments = [
            "--set-interpreter",
            &path(LOADER),
            "--set-rpath",
            &path(LIBRARIES),
            &executable,
        ];
        // The loader of an older suite is a link out of the folder. The machine's will do.
        if Path::new(&path(LOADER)).exists() {
            shell::run(PATCHELF, PATCHELF, &arguments, &[])?;
        }
        fs::set_permissions(&executable, Permissions::from_mode(0o755))
            .and_then(|()| fs::rename(&executable, self.executable()))
            .map_err(|error| format!("{executable}: {error}"))
    }
}

/// Downloads the packages of a suite into the folder, with lists of packages that do not touch the machine's, and unpacks them.
fn download(folder: &Path, suite: &str) -> Outcome {
    let failure = |error: io::Error| format!("{}: {error}", folder.display());
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(name)).map_err(failure)?;
    }
    let sources = folder.join("sources.list");
    let line = format!("deb [signed-by={KEYRING}] {} {suite} main\n", mirror());
    fs::write(&sources, line).map_err(failure)?;
    let options = [
        format!("Dir::Etc::sourcelist={}", sources.display()),
        "Dir::Etc::sourceparts=/dev/null".to_owned(),
        format!("Dir::State::lists={}", folder.join("lists").display()),
        format!("Dir::Cache={}", folder.join("cache").display()),
    ];
    let options: Vec<_> = options.iter().flat_map(|option| ["-o", option]).collect();
    let apt = |words: &[&str]| {
        let arguments: Vec<_> = options.iter().chain(words).collect();
        run_in(folder, "apt-get", &arguments)
    };
    apt(&["--quiet", "update"])?;
    for (package, to) in [("user-mode-linux", "root"), ("libc6", "libc")] {
        apt(&["--quiet", "download", &format!("{package}/{suite}")])?;
        let archive = archive(folder, package)?;
        run_in(folder, "dpkg", &[&"--extract", &archive.as_str(), &to])?;
    }
    Ok(())
}

/// Returns the file name of a package that was downloaded.
fn archive(folder: &Path, package: &str) -> Result<String, String> {
    let failure = |error: io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(failure)? {
        let name = entry
            .map_err(failure)?
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name.starts_with(&format!("{package}_")) {
            return Ok(name);
        }
    }
    Err(format!(
        "{} contains no package {package}",
        folder.display()
    ))
}

/// Runs a program in a folder, without its output unless it fails.
fn run_in(folder: &Path, program: &str, arguments: &[&&str]) -> Outcome {
    let failure = |why: String| format!("{program} failed: {why}");
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .map_err(|error| failure(error.to_string()))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failure(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}

/// Returns the mirror that the machine uses, so that one nearby is used here too.
fn mirror() -> String {
    let deb822 = fs::read_to_string("/etc/apt/sources.list.d/debian.sources").unwrap_or_default();
    let of_deb822 = deb822.lines().find_map(|line| line.strip_prefix("URIs:"));
    let classic = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
    let mut words = classic
        .lines()
        .filter(|line| line.starts_with("deb "))
        .flat_map(str::split_whitespace);
    let of_classic = words.find(|word| word.starts_with("http"));
    of_deb822
        .map(str::trim)
        .or(of_classic)
        .unwrap_or(MIRROR)
        .to_owned()
}
