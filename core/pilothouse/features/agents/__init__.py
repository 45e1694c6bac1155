"""Programs that other interpreters run: each answers for a feature store with its own library.

They import nothing of Pilothouse and are never imported by it. Beside the library of the store
they need pandas and pyarrow. A question and its answer are one frame each: four bytes with the
length, then JSON; rows travel in Parquet files that the question names.
"""
