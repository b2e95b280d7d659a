"""The shipped models among published networks: docs/pareto.md and docs/pareto.png."""
