"""Everything on disk: the working databases, the published file, texts, locks. Judges nothing."""
