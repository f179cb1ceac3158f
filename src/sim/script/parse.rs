//! From text to blocks and back: the outer form of a script, without any knowledge of its commands.
//!
//! A script that has no outputs yet (no `---`) parses too, so that an author writes commands only and lets the run
//! fill in the rest.

/// A script in its pieces, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Consecutive lines that start with `#`.
    Prose(Vec<String>),
    Block(Block),
}

/// Commands and what they print.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Line number and text of each command.
    pub commands: Vec<(usize, String)>,
    pub output: Vec<String>,
}

impl Script {
    pub fn parse(text: &str) -> Script {
        let mut pieces = Vec::new();
        let mut lines = text.lines().enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            if line.trim().is_empty() {
                continue;
            }
            if line.starts_with('#') {
                let mut prose = vec![line.to_owned()];
                while let Some((_, more)) = lines.next_if(|(_, next)| next.starts_with('#')) {
                    prose.push(more.to_owned());
                }
                pieces.push(Piece::Prose(prose));
                continue;
            }
            let mut block = Block { commands: vec![(number + 1, line.trim().to_owned())], output: Vec::new() };
            let mut in_output = false;
            while let Some((number, more)) = lines.next_if(|(_, next)| !next.trim().is_empty()) {
                match (in_output, more) {
                    (false, "---") => in_output = true,
                    (false, _) => block.commands.push((number + 1, more.trim().to_owned())),
                    (true, _) => block.output.push(more.to_owned()),
                }
            }
            pieces.push(Piece::Block(block));
        }
        Script { pieces }
    }

    /// The first line of prose without its `#`: what the script claims.
    pub fn title(&self) -> Option<&str> {
        match self.pieces.first() {
            Some(Piece::Prose(lines)) => lines.first().map(|line| line.trim_start_matches('#').trim()),
            _ => None,
        }
    }

    /// All prose, as one text.
    pub fn prose(&self) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            if let Piece::Prose(lines) = piece {
                lines.iter().for_each(|line| {
                    text.push_str(line);
                    text.push('\n');
                });
            }
        }
        text
    }

    /// The script as a file holds it; parsing the result gives the same script.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            if !text.is_empty() {
                text.push('\n');
            }
            let mut line = |line: &str| {
                text.push_str(line);
                text.push('\n');
            };
            match piece {
                Piece::Prose(lines) => lines.iter().for_each(|prose| line(prose)),
                Piece::Block(block) => {
                    block.commands.iter().for_each(|(_, command)| line(command));
                    line("---");
                    block.output.iter().for_each(|output| line(output));
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str =
        "# A title.\n# More.\n\ncluster 3\nelect n1\n---\n* n1 leads\n  # not prose\n\n# Between.\n\nstatus\n---\nok\n";

    #[test]
    fn a_rendered_script_is_the_text_it_came_from() {
        let script = Script::parse(STORY);
        assert_eq!(script.render(), STORY);
        assert_eq!(script.title(), Some("A title."));
        assert_eq!(script.pieces.len(), 4);
        assert_eq!(script.prose(), "# A title.\n# More.\n# Between.\n");
    }

    #[test]
    fn commands_without_output_make_a_block_and_keep_their_line_numbers() {
        let script = Script::parse("# t\n\ncluster 3\n\nelect n1\nstatus\n");
        let [Piece::Prose(_), Piece::Block(first), Piece::Block(second)] = &script.pieces[..] else {
            panic!("prose and two blocks: {script:?}");
        };
        assert_eq!(first.commands, [(3, "cluster 3".to_owned())]);
        assert_eq!(second.commands, [(5, "elect n1".to_owned()), (6, "status".to_owned())]);
        assert!(second.output.is_empty());
    }
}
