"""Everything that imports Dagster. Builds the asset graph from files; computes nothing itself."""
