"""What the papers printed, as CSV files; read them with `replication.reporting.published`."""
