"""What Dagster gets handed: resources that assets ask for, and a place for its run history."""
