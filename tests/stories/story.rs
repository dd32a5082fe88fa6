//! A `.story` file, read and written back: [`Chapter`] of [`Story`]s. The format stands in [`super`].

use std::path::Path;

/// All stories of a file.
pub struct Chapter {
    /// What stands before the first story.
    preface: String,
    pub stories: Vec<Story>,
}

/// Files, a command, and what it finds.
pub struct Story {
    pub name: String,
    prose: String,
    pub command: String,
    pub files: Vec<StoryFile>,
    /// The end of the story: what every strategy finds.
    pub finds: String,
}

pub struct StoryFile {
    pub name: String,
    pub escaped: bool,
    /// As it stands in the story.
    pub text: String,
}

impl StoryFile {
    /// As the file is to be.
    pub fn content(&self) -> String {
        if !self.escaped {
            return self.text.clone();
        }
        let text: String = self.text.lines().collect();
        let text = text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t");
        let mut parts = text.split("\\u{");
        let mut content = parts.next().unwrap_or_default().to_string();
        for part in parts {
            let (code, rest) = part.split_once('}').expect("\\u{ is closed");
            content.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
            content.push_str(rest);
        }
        content
    }
}

impl Chapter {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut chapter = Chapter { preface: String::new(), stories: Vec::new() };
        for line in text.lines() {
            match (line.strip_prefix("=== "), chapter.stories.last_mut()) {
                (Some(name), _) => chapter.stories.push(Story::new(name)),
                (None, None) => chapter.preface.push_str(&format!("{line}\n")),
                (None, Some(story)) => story.take(line),
            }
        }
        for story in &mut chapter.stories {
            assert!(!story.command.is_empty(), "{}: no command in `{}`", path.display(), story.name);
            story.tidy();
        }
        let twice = |n: usize| chapter.stories[..n].iter().any(|other| other.name == chapter.stories[n].name);
        assert!(!(0..chapter.stories.len()).any(twice), "{}: two stories of one name", path.display());
        chapter
    }

    pub fn write(&self, path: &Path) {
        let mut text = self.preface.clone();
        for (n, story) in self.stories.iter().enumerate() {
            text.push_str(if n > 0 { "\n" } else { "" });
            text.push_str(&format!("=== {}\n{}$ {}\n", story.name, story.prose, story.command));
            for file in &story.files {
                let escaped = if file.escaped { " (escaped)" } else { "" };
                text.push_str(&format!("--- {}{escaped}\n{}", file.name, file.text));
            }
            text.push_str(&format!("--- finds\n{}", story.finds));
        }
        std::fs::write(path, text).unwrap();
    }
}

impl Story {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            prose: String::new(),
            command: String::new(),
            files: Vec::new(),
            finds: String::new(),
        }
    }

    fn take(&mut self, line: &str) {
        if let Some(head) = line.strip_prefix("--- ") {
            let (name, escaped) = head.strip_suffix(" (escaped)").map_or((head, false), |name| (name, true));
            self.files.push(StoryFile { name: name.to_string(), escaped, text: String::new() });
        } else if let Some(file) = self.files.last_mut() {
            file.text.push_str(&format!("{line}\n"));
        } else if let Some(command) = line.strip_prefix("$ ") {
            assert!(self.command.is_empty(), "`{}` has two commands", self.name);
            self.command = command.to_string();
        } else {
            self.prose.push_str(&format!("{line}\n"));
        }
    }

    /// The last section is the end; blank lines between stories belong to none.
    fn tidy(&mut self) {
        if self.files.last().is_some_and(|file| file.name == "finds") {
            self.finds = self.files.pop().map(|file| file.text).unwrap_or_default();
        }
        for text in self.files.iter_mut().map(|file| &mut file.text).chain([&mut self.finds]) {
            let length = text.trim_end_matches('\n').len();
            text.truncate(length);
            if !text.is_empty() {
                text.push('\n');
            }
        }
        assert!(self.files.iter().all(|file| file.name != "finds"), "`{}` ends twice", self.name);
    }

    /// The command's words, as a shell would split them: quotes of both kinds, no escapes.
    pub fn words(&self) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in self.command.chars() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('\'' | '"', None) => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (' ', None) => words.extend(word.take()),
                (c, _) => word.get_or_insert_default().push(c),
            }
        }
        assert!(quote.is_none(), "a quote is open in `{}`", self.command);
        words.extend(word);
        words
    }
}
