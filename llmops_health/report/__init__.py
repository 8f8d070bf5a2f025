"""What people look at, made from findings: verdicts, refresh sets, pages. Measures nothing."""
