//! The options of test runners that take names: what in a command line is a name of tests, and what an option or its value.
//!
//! A word after an option that is not listed may be its value or a name: such a command is left as it is.

/// How a runner's options are written.
pub(super) struct Options {
    /// Those whose value is the next word, and those without a value; divided by blanks.
    pub valued: &'static str,
    pub alone: &'static str,
}

impl Options {
    /// The options with their values, and the names; `None` where one cannot be told from the other.
    pub(super) fn divide<'a>(&self, words: &'a [String]) -> Option<(Vec<String>, Vec<&'a str>)> {
        let (mut options, mut names) = (Vec::new(), Vec::new());
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            if word == "--" {
                return None;
            }
            if !word.starts_with('-') {
                names.push(word.as_str());
                continue;
            }
            options.push(word.clone());
            // `-n4` holds its value.
            let is_joined = self.valued.split(' ').any(|short| short.len() == 2 && word.starts_with(short));
            if has(self.valued, word) {
                options.push(words.next()?.clone());
            } else if !is_joined && !word.contains('=') && !has(self.alone, word) {
                // It may be the option's.
                words.peek().is_none_or(|next| next.starts_with('-')).then_some(())?;
            }
        }
        Some((options, names))
    }
}

fn has(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

pub(super) const PYTEST: Options = Options {
    valued: "-k -m -c -p -o -n -W -r --rootdir --ignore --deselect --maxfail --tb --durations --import-mode \
        --confcutdir --basetemp --timeout --dist",
    alone: "-x -v -vv -s -l -q -qq --exitfirst --verbose --quiet --strict-markers",
};
pub(super) const JAVASCRIPT: Options = Options {
    valued: "-c --config -t --testNamePattern -w --maxWorkers --rootDir -r --require --import --loader -u --ui \
        --timeout --test-name-pattern --root --project --environment --pool",
    alone: "--test --ci -i --runInBand --no-cache --silent --verbose --no-warnings",
};
pub(super) const RSPEC: Options = Options {
    valued: "-I -r --require -f --format -t --tag -e --example -o --seed --order",
    alone: "--no-color --color -b --backtrace -w --warnings",
};
pub(super) const PHPUNIT: Options = Options {
    valued: "-c --configuration --filter --group --exclude-group --bootstrap -d",
    alone: "--no-coverage --verbose -v --debug --testdox --no-progress",
};
pub(super) const BATS: Options = Options {
    valued: "-j --jobs -f --filter -F --formatter -o --output --filter-tags",
    alone: "-r --recursive -t --tap -p --pretty -T --timing -x --trace",
};
pub(super) const BUSTED: Options = Options {
    valued: "-o --output -t --tags --exclude-tags -m --lpath --cpath --helper --lua",
    alone: "-v --verbose -c --coverage --no-auto-insulate --defer-print -k",
};
pub(super) const GO: Options = Options {
    valued: "-run -skip -count -timeout -tags -p -parallel -cpu -mod -modfile -ldflags -gcflags -vet -shuffle \
        -covermode -coverprofile -coverpkg",
    alone: "-v -race -cover -failfast -json -a -short -trimpath",
};
pub(super) const CARGO: Options = Options {
    valued: "-p --package --exclude -F --features --manifest-path --target --target-dir --profile -j --jobs \
        --color --config -Z",
    alone: "--workspace --all --all-features --no-default-features -q -v -r --release",
};
pub(super) const UNITTEST: Options = Options { valued: "-k", alone: "-v -b -f -c -q --verbose --locals" };
pub(super) const DISCOVER: Options = Options { valued: "-k -s -t --start-directory --top-level-directory", ..UNITTEST };
pub(super) const RUBY: Options = Options { valued: "-I -r", alone: "-w -W0" };
