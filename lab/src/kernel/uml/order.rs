//! The order to the guest: what to run, and which folders of the machine it needs. It would not fit on a kernel's command line.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, failed};

/// What the guest is to run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) folder: PathBuf,
    pub(crate) modules: PathBuf,
    /// Folders that the guest may write to, at the same path: the target folder.
    pub(crate) writable: Vec<PathBuf>,
    /// Folders that the guest needs, even if they lie in /tmp or /run, which are new in the guest.
    pub(crate) visible: Vec<PathBuf>,
}

impl Order {
    /// Returns the order to run this program as it was started.
    pub(super) fn here(modules: &Path) -> Result<Order> {
        let executable = env::current_exe().map_err(failed("find", "this program's executable"))?;
        if executable.as_os_str().as_bytes().contains(&b'"') {
            return Err(Error::Other(format!(
                "{} cannot be a guest's init: a quote is in its path",
                executable.display()
            )));
        }
        let folder = env::current_dir().map_err(failed("find", "the working folder"))?;
        let target = target_folder(&executable);
        let workspace = target.as_deref().and_then(Path::parent).map(Path::to_owned);
        let mut visible: Vec<PathBuf> = [
            workspace,
            env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
        ]
        .into_iter()
        .flatten()
        .collect();
        visible.extend(executable.parent().map(Path::to_owned));
        visible.push(folder.clone());
        visible.push(modules.to_owned());
        Ok(Order {
            arguments: env::args_os().collect(),
            environment: env::vars_os().collect(),
            folder,
            modules: fs::canonicalize(modules).unwrap_or_else(|_| modules.to_owned()),
            writable: target.into_iter().collect(),
            visible,
            executable,
        })
    }

    /// Encodes the order as strings that end in NUL. Each list is preceded by its length.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |text: &OsStr| {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        };
        put(self.executable.as_os_str());
        put(self.folder.as_os_str());
        put(self.modules.as_os_str());
        let environment: Vec<OsString> = self
            .environment
            .iter()
            .flat_map(|(name, value)| [name.clone(), value.clone()])
            .collect();
        let paths = |list: &[PathBuf]| {
            list.iter()
                .map(|path| path.clone().into_os_string())
                .collect()
        };
        for list in [
            self.arguments.clone(),
            environment,
            paths(&self.writable),
            paths(&self.visible),
        ] {
            put(OsStr::new(&list.len().to_string()));
            list.iter().for_each(|text| put(text));
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Order> {
        let mut strings = bytes
            .split(|&byte| byte == 0)
            .map(|text| OsString::from_vec(text.to_vec()));
        let executable = strings.next()?.into();
        let folder = strings.next()?.into();
        let modules = strings.next()?.into();
        let mut list = || -> Option<Vec<OsString>> {
            let length: usize = strings.next()?.to_str()?.parse().ok()?;
            (0..length).map(|_| strings.next()).collect()
        };
        let arguments = list()?;
        let mut environment = Vec::new();
        let mut flat = list()?.into_iter();
        while let (Some(name), Some(value)) = (flat.next(), flat.next()) {
            environment.push((name, value));
        }
        let writable = list()?.into_iter().map(PathBuf::from).collect();
        let visible = list()?.into_iter().map(PathBuf::from).collect();
        Some(Order {
            executable,
            arguments,
            environment,
            folder,
            modules,
            writable,
            visible,
        })
    }
}

/// Cargo's target folder: the outermost ancestor of the executable that cargo has marked as a cache.
fn target_folder(executable: &Path) -> Option<PathBuf> {
    let marked = executable
        .ancestors()
        .filter(|folder| folder.join("CACHEDIR.TAG").is_file())
        .last();
    marked.map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_decoded_as_it_was_encoded() {
        let order = Order {
            executable: "/a b/c".into(),
            arguments: vec!["c".into(), "".into(), OsString::from_vec(vec![0xff, b'\n'])],
            environment: vec![("PATH".into(), "/bin".into()), ("EMPTY".into(), "".into())],
            folder: "/".into(),
            modules: "/usr/lib/uml/modules".into(),
            writable: vec!["/target".into()],
            visible: Vec::new(),
        };
        assert_eq!(Order::decode(&order.encode()).unwrap(), order);
        assert_eq!(Order::decode(b"too\0short"), None);
    }
}
