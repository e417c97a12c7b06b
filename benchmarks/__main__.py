"""All benchmarks that need no data of others: `python -m benchmarks`."""

from benchmarks import storage

storage.main()
