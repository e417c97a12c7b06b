"""An article's text: cleaned, in one casing, in sentences, in a language."""
