//! Previews of sessions.

use super::limits::PREVIEW_MAX_CHARS;

/// Beginning of a session's newest message on one line, for lists. Empty if the session has no message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview(String);

impl Preview {
    /// Returns the preview of a message: its first [`PREVIEW_MAX_CHARS`] characters, with each run of white space and control
    /// characters as one space.
    pub fn of(content: &str) -> Self {
        let mut text = String::with_capacity(content.len().min(2 * PREVIEW_MAX_CHARS));
        let words = content.split(|char: char| char.is_whitespace() || char.is_control());
        let mut left = PREVIEW_MAX_CHARS;
        for word in words.filter(|word| !word.is_empty()) {
            if !text.is_empty() {
                text.push(' ');
                left -= 1;
            }
            let end = word.char_indices().nth(left).map_or(word.len(), |(end, _)| end);
            text.push_str(&word[..end]);
            left -= word[..end].chars().count();
            if left <= 1 {
                break;
            }
        }
        Self(text)
    }

    /// Returns a preview that is stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_is_one_line() {
        for (content, preview) in [
            ("hello", "hello"),
            ("  two\n\n\tlines \u{7}\u{a0}here ", "two lines here"),
            (" \n ", ""),
            ("日本語\u{3000}です", "日本語 です"),
        ] {
            assert_eq!(Preview::of(content).as_str(), preview);
        }
    }

    #[test]
    fn preview_has_at_most_120_characters() {
        for (content, chars) in [
            ("a".repeat(119), 119),
            ("🤖".repeat(121), 120),
            ("a ".repeat(100), 119),
            (format!("{} b", "a".repeat(119)), 119),
            (format!("{} bc", "a".repeat(118)), 120),
        ] {
            let preview = Preview::of(&content);
            assert_eq!(preview.as_str().chars().count(), chars, "{content}");
            assert_eq!(preview.as_str().trim_end(), preview.as_str());
        }
    }
}
