"""rstudio/platform-lib: queue primitives in Go; store, retries and sweeps are the application's."""
