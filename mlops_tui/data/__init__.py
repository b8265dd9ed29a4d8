"""Data: contracts, snapshots, pipelines."""
