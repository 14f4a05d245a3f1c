"""The laws that every kind of node and coupling keeps, for kinds of one's own as for ours.

``check_node(MyKind())`` and ``check_coupling(MyCoupling(), parent=..., child=...)`` return nothing if all
laws hold and raise an AssertionError that names the first one broken.
"""

from pynodes.testing.couplings import check_coupling as check_coupling
from pynodes.testing.nodes import check_node as check_node
from pynodes.testing.schemes import check_scheme as check_scheme
