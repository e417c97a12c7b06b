"""All benchmarks that need no data of others: `python -m benchmarks`."""

from benchmarks import enrichment, storage

enrichment.main()
storage.main()
