"""The forge model, its adapters, access to git, and the corpus that fills a reference forge."""
