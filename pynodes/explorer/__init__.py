"""The explorer: a run of beliefs as one page, in which a person moves through time."""
