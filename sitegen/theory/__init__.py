"""The theory pages: hand-written Markdown with formulas, citations, and figures and tables made from the records."""
