"""The explorer: a run of beliefs as one page, in which a person moves through time."""

from pynodes.explorer.explorer import Explorer as Explorer
from pynodes.explorer.explorer import make_explorer as make_explorer
