"""The prediction log: journal segments, Parquet files, compaction, and reads over both."""
