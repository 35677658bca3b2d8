//! New Python modules and the names they take: one that is found before another takes its place, in the tests and in
//! what runs them too. So no new module may have a name that already means something.

use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{End, Limits, Verifier};
use crate::patch::Patch;
use crate::workspace::RelPath;

/// Ends with 3 if the module is found. A folder without code is none yet: a new `__init__.py` may complete it.
const FIND: &str =
    "import importlib.util, sys\ns = importlib.util.find_spec(sys.argv[1])\nsys.exit(3 if s and s.origin else 0)";
const FOUND: i32 = 3;
const WALL: Duration = Duration::from_secs(10);

impl Verifier {
    /// The first new file of the patch that would be loaded in place of a module that Python finds already, in words.
    pub(super) async fn displaced(&self, patch: &Patch, cancel: &CancellationToken) -> Option<String> {
        let (sandbox, command) = (self.sandbox()?, self.test_command()?);
        let modules: Vec<_> = patch.new_names().filter_map(|path| Some((path, self.module(path)?))).collect();
        if modules.is_empty() {
            return None;
        }
        let program = Path::new(command.argv.first()?);
        let is_python = program.file_name()?.to_str()?.starts_with("python");
        let python = if is_python { program.to_owned() } else { program.with_file_name("python3") };
        let shadow = self.take(&self.unsaved).await.ok()?;
        let limits = Limits { wall: WALL, ..self.limits() };
        let mut found = None;
        for (path, module) in modules {
            let argv = [python.to_str()?, "-c", FIND, &module].map(str::to_owned);
            let ran = sandbox.run(&shadow.cell(&command.directory), &argv, &limits, cancel).await;
            if ran.end == End::Exited(FOUND) {
                found = Some(format!("{path} would be loaded in place of the module `{module}`; use another name"));
                break;
            }
        }
        self.give_back(shadow);
        found
    }

    /// The name under which Python finds a file that is in no package.
    fn module(&self, path: &RelPath) -> Option<String> {
        let mut module = Path::new(path.as_str());
        if module.extension()? != "py" {
            return None;
        }
        if module.file_stem()? == "__init__" {
            module = module.parent()?;
        }
        let package = module.parent()?.join("__init__.py");
        let package = RelPath::new(package.to_str()?).ok()?;
        let name = module.file_stem()?.to_str()?;
        self.snapshot().read(&package).is_err().then(|| name.to_owned())
    }
}
