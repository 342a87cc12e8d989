"""`sql/map` and `sql/recon` on Apache Spark: the same files, the same tables, to the last decimal.

Here live the portable subset of SQL, its translation, the lake of Parquet that Spark reads and
writes, and what fills a table through them. No rule of reconciling stands here: those are in the
SQL files, and DuckDB stays their reference. pyspark and sqlglot come with the extra `spark`;
nothing outside this room imports them, and `reconcile_pipeline/engines.py` alone imports it.
"""
