"""Files people have become landed rows: read, checked, quarantined, recorded. Judges nothing."""
