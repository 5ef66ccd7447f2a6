"""Load and benchmarks: what the project costs, against its competitors and its floor."""
