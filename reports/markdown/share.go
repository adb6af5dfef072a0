package markdown

// Text is a text of any origin as one line of GitHub's Markdown, in which it is shown as it is and is nothing
// else than text.
func Text(s string) string { return text(s) }
