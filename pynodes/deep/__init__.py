"""Deep predictive coding: layers that settle, weights that learn from local errors."""

from pynodes.deep.callbacks import Callback as Callback
from pynodes.deep.callbacks import Event as Event
from pynodes.deep.callbacks import Log as Log
from pynodes.deep.callbacks import StopEarly as StopEarly
from pynodes.deep.configuration import Training as Training
from pynodes.deep.fixed_prediction import Backpropagation as Backpropagation
from pynodes.deep.fixed_prediction import FixedPrediction as FixedPrediction
from pynodes.deep.history import History as History
from pynodes.deep.inspection import energies as energies
from pynodes.deep.inspection import energy as energy
from pynodes.deep.inspection import errors as errors
from pynodes.deep.inspection import forces as forces
from pynodes.deep.inspection import gradients as gradients
from pynodes.deep.inspection import messages as messages
from pynodes.deep.scheme import AbstractPointScheme as AbstractPointScheme
from pynodes.deep.settle import Settle as Settle
from pynodes.deep.settled import Settled as Settled
from pynodes.deep.settled import UnsettledWarning as UnsettledWarning
from pynodes.deep.settled import settle as settle
from pynodes.deep.test import TestReport as TestReport
from pynodes.deep.test import test as test
from pynodes.deep.train import TrainingError as TrainingError
from pynodes.deep.train import TrainingRun as TrainingRun
from pynodes.deep.train import train as train
