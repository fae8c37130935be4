"""The kcov devices of kernels: one file a backend, all with the same verbs (driver.Driver)."""
