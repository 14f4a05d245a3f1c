"""Structure: which edges a graph has, how many contexts there are, and which graph is responsible now."""

from pynodes.structure.bank import Bank as Bank
from pynodes.structure.bank import BankTrajectories as BankTrajectories
from pynodes.structure.bank import bank as bank
from pynodes.structure.calibration import Calibration as Calibration
from pynodes.structure.contexts import Contexts as Contexts
from pynodes.structure.contexts import ContextTrajectories as ContextTrajectories
from pynodes.structure.contexts import contexts as contexts
from pynodes.structure.follow import Followed as Followed
from pynodes.structure.follow import follow as follow
from pynodes.structure.found import Found as Found
from pynodes.structure.lagged import lagged as lagged
from pynodes.structure.lagged import standardise as standardise
from pynodes.structure.reduce import Reduced as Reduced
from pynodes.structure.reduce import reduce as reduce
from pynodes.structure.rules import Rule as Rule
from pynodes.structure.rules import at_most as at_most
from pynodes.structure.rules import at_most_one as at_most_one
from pynodes.structure.rules import needs as needs
from pynodes.structure.rules import together as together
from pynodes.structure.search import search as search
from pynodes.structure.share import Shared as Shared
from pynodes.structure.share import depth as depth
from pynodes.structure.share import share as share
from pynodes.structure.space import Space as Space
from pynodes.structure.space import space as space
from pynodes.structure.subjects import FoundSubjects as FoundSubjects
