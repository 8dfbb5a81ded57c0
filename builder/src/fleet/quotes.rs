//! The quotes of comma-separated values (RFC 4180). The reader accepts every mistake in them and guesses, so that a quote that is
//! not closed would make one cell of many rows.

/// Returns the line of the first mistake, counted from 1, and what is wrong there.
pub(super) fn check(text: &str) -> Result<(), (usize, &'static str)> {
    let mut place = CellState::Start;
    let (mut line, mut opened, mut is_comment) = (1, 1, false);
    let mut is_first_cell = true;
    for character in text.chars() {
        if is_comment && character != '\n' {
            continue;
        }
        place = match (place, character) {
            (CellState::Quoted, '"') | (CellState::AfterQuote, ' ' | '\t' | '\r') => {
                CellState::AfterQuote
            }
            (CellState::AfterQuote, '"') | (CellState::Quoted, _) => CellState::Quoted,
            (_, '\n' | ',') => CellState::Start,
            (CellState::Start, '#') if is_first_cell => {
                is_comment = true;
                CellState::Plain
            }
            (CellState::Start, '"') => {
                opened = line;
                CellState::Quoted
            }
            (CellState::Start | CellState::Blank, ' ' | '\t') => CellState::Blank,
            (CellState::Blank, '"') => return Err((line, "remove the blanks before the quote")),
            (CellState::Plain, '"') => {
                return Err((
                    line,
                    "a cell with a quote must be in quotes, with the quote inside doubled",
                ));
            }
            (CellState::AfterQuote, _) => {
                return Err((
                    line,
                    "after the closing quote, only a comma or the end of the line may follow",
                ));
            }
            (CellState::Start | CellState::Blank | CellState::Plain, _) => CellState::Plain,
        };
        is_first_cell = match character {
            '\n' if place == CellState::Start => true,
            _ => is_first_cell && character.is_whitespace() && place == CellState::Start,
        };
        if character == '\n' {
            line += 1;
            is_comment = false;
        }
    }
    match place {
        CellState::Quoted => Err((opened, "a quote is not closed")),
        _ => Ok(()),
    }
}

/// A position in a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CellState {
    /// At its beginning.
    Start,
    /// After blanks.
    Blank,
    /// In a text without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote that closes the text, unless another one follows.
    AfterQuote,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_may_be_in_quotes() {
        for sound in [
            "",
            "a,b\r\n1,2\r\n",
            "\"a\",\"b \"\"c\"\" d\"\n\"1,\n2\" ,3",
            "a\n# it's \"so\n1\n",
            "a, b c\t,\n",
        ] {
            assert_eq!(check(sound), Ok(()), "{sound}");
        }
    }

    #[test]
    fn a_mistake_in_quotes_has_its_line() {
        let follows = "after the closing quote, only a comma or the end of the line may follow";
        let inside = "a cell with a quote must be in quotes, with the quote inside doubled";
        for (text, wanted) in [
            ("a,b\n1,\"2\n3,4\n", (2, "a quote is not closed")),
            ("a\n\"1\n\"\n\"", (4, "a quote is not closed")),
            ("a\n\"1\"2\n", (2, follows)),
            ("a\n1\"2\"\n", (2, inside)),
            ("a,b\n1, \"2\"\n", (2, "remove the blanks before the quote")),
            ("a,#b\"c\n", (1, inside)),
        ] {
            assert_eq!(check(text), Err(wanted), "{text}");
        }
    }
}
