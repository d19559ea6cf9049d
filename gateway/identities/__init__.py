"""Several documents of one subject (两证互认): linked with evidence, reversibly, and never on a guess."""
