"""Structure: which edges a graph has, how many contexts there are, and which graph is responsible now."""

from pynodes.structure.found import Found as Found
from pynodes.structure.lagged import lagged as lagged
from pynodes.structure.lagged import standardise as standardise
from pynodes.structure.rules import Rule as Rule
from pynodes.structure.rules import at_most as at_most
from pynodes.structure.rules import at_most_one as at_most_one
from pynodes.structure.rules import needs as needs
from pynodes.structure.rules import together as together
from pynodes.structure.search import search as search
from pynodes.structure.space import Space as Space
from pynodes.structure.space import space as space
