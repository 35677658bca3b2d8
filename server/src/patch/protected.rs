//! Files that no worker changes by itself, by their names.

use std::sync::LazyLock;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::workspace::RelPath;

/// Files that a program runs by itself when somebody builds, tests, opens or clones the project.
const RUN: &[&str] = &[
    "**/.vscode/**",
    "**/.idea/**",
    "**/.devcontainer/**",
    "**/*.code-workspace",
    "**/.nvim.lua",
    "**/.nvimrc",
    "**/.exrc",
    "**/.vimrc",
    "**/.helix/**",
    "**/.zed/**",
    "**/.dir-locals.el",
    "**/.github/**",
    "**/.gitlab-ci.yml",
    "**/.circleci/**",
    "**/.buildkite/**",
    "**/Jenkinsfile",
    "**/azure-pipelines.yml",
    "**/.travis.yml",
    "**/.ci/**",
    "**/.husky/**",
    "**/.pre-commit-config.yaml",
    "**/.gitattributes",
    "**/.gitmodules",
    "**/.envrc",
    "**/.tool-versions",
    "**/mise.toml",
    "**/.mise.toml",
    "**/Cargo.toml",
    "**/Cargo.lock",
    "**/build.rs",
    "**/.cargo/**",
    "**/rust-toolchain",
    "**/rust-toolchain.toml",
    "**/package.json",
    "**/package-lock.json",
    "**/yarn.lock",
    "**/pnpm-lock.yaml",
    "**/.npmrc",
    "**/.yarnrc*",
    "**/.yarn/**",
    "**/*.config.js",
    "**/*.config.cjs",
    "**/*.config.mjs",
    "**/*.config.ts",
    "**/binding.gyp",
    "**/.mocharc.*",
    "**/.babelrc*",
    "**/node_modules/**",
    "**/go.work",
    "**/pom.xml",
    "**/.mvn/**",
    "**/*.gradle",
    "**/*.gradle.kts",
    "**/gradle/**",
    "**/build.sbt",
    "**/project/*.sbt",
    "**/Package.swift",
    "**/*.csproj",
    "**/*.sln",
    "**/*.slnx",
    "**/Directory.Build.*",
    "**/composer.json",
    "**/composer.lock",
    "**/*.gemspec",
    "**/meson.build",
    "**/pyproject.toml",
    "**/setup.py",
    "**/setup.cfg",
    "**/tox.ini",
    "**/pytest.ini",
    "**/noxfile.py",
    "**/requirements*.txt",
    "**/Pipfile*",
    "**/go.mod",
    "**/go.sum",
    "**/Gemfile*",
    "**/Rakefile",
    "**/Makefile",
    "**/GNUmakefile",
    "**/*.mk",
    "**/CMakeLists.txt",
    "**/*.cmake",
    "**/justfile",
    "**/Taskfile.y*ml",
    "**/Dockerfile*",
    "**/docker-compose*",
    "**/AGENTS.md",
    "**/CLAUDE.md",
    "**/GEMINI.md",
    "**/.cursor/**",
    "**/.cursorrules",
    "**/.windsurfrules",
    "**/.clinerules*",
    "**/copilot-instructions.md",
    "**/.aider*",
    "**/.mcp.json",
    "**/.claude/**",
    "**/.gemini/**",
    "**/.codex/**",
];

/// Code that test runners and interpreters load before the tests, whether the tests name it or not.
const LOADED: &[&str] = &[
    "**/conftest.py",
    "**/sitecustomize.py",
    "**/usercustomize.py",
    "**/*.pth",
    "**/*.dist-info/**",
    "**/*.egg-info/**",
    "**/site-packages/**",
    "**/__mocks__/**",
    "**/setupTests.*",
    "**/jest.setup.*",
    "**/.rspec",
    "**/.busted",
    "**/phpunit.xml",
    "**/phpunit.xml.dist",
    "**/phpunit.dist.xml",
];

/// Files that are there to hold secrets.
const SECRET: &[&str] = &[
    "**/.env",
    "**/.env.*",
    "**/*.env",
    "**/*.pem",
    "**/*.key",
    "**/*.p12",
    "**/*.pfx",
    "**/*.jks",
    "**/*.keystore",
    "**/*.kdbx",
    "**/id_rsa*",
    "**/id_ed25519*",
    "**/id_ecdsa*",
    "**/id_dsa*",
    "**/.ssh/**",
    "**/.gnupg/**",
    "**/.aws/**",
    "**/.kube/**",
    "**/.netrc",
    "**/.pgpass",
    "**/.htpasswd",
    "**/.git-credentials",
    "**/.pypirc",
    "**/credentials.json",
    "**/service-account*.json",
    "**/secrets.y*ml",
    "**/*.tfvars",
    "**/*.tfstate*",
];

static RUNS: LazyLock<GlobSet> = LazyLock::new(|| globs(RUN.iter().chain(LOADED).copied()));
static LOADS: LazyLock<GlobSet> = LazyLock::new(|| globs(LOADED.iter().copied()));
static SECRETS: LazyLock<GlobSet> = LazyLock::new(|| globs(SECRET.iter().copied()));
static TESTS: LazyLock<GlobSet> = LazyLock::new(|| {
    globs(baton_grammars::all().iter().flat_map(|language| language.facts.tests.iter().map(String::as_str)))
});

/// Whether a file is there to hold secrets: it is neither sent nor changed.
pub fn holds_secrets(path: &RelPath) -> bool {
    SECRETS.is_match(path.as_str())
}

/// Whether a program runs the file by itself.
pub(super) fn runs_by_itself(path: &RelPath) -> bool {
    RUNS.is_match(path.as_str())
}

/// Whether tests load the file by themselves: with it changed they are other tests.
pub fn is_loaded_by_tests(path: &RelPath) -> bool {
    LOADS.is_match(path.as_str())
}

/// Whether the file is a test, by the conventions of any language.
pub fn is_test(path: &RelPath) -> bool {
    TESTS.is_match(path.as_str())
}

fn globs<'a>(patterns: impl Iterator<Item = &'a str>) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        // Some file systems ignore case, so we must.
        match GlobBuilder::new(pattern).case_insensitive(true).literal_separator(true).build() {
            Ok(glob) => drop(set.add(glob)),
            Err(error) => unreachable!("the pattern {pattern} is ours and checked by a test: {error}"),
        }
    }
    set.build().unwrap_or_else(|error| unreachable!("patterns that parse make a set: {error}"))
}
