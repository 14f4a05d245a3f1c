"""Responses: what an agent does given its beliefs, and how probable that was."""

from pynodes.responses import regressors as regressors
from pynodes.responses._base import AbstractResponse as AbstractResponse
from pynodes.responses._distributions import AbstractBinaryResponse as AbstractBinaryResponse
from pynodes.responses._distributions import AbstractChoiceResponse as AbstractChoiceResponse
from pynodes.responses._distributions import AbstractNormalResponse as AbstractNormalResponse
from pynodes.responses._fields import field as field
from pynodes.responses._fields import node as node
from pynodes.responses._series import Covariate as Covariate
from pynodes.responses.beta import BetaResponse as BetaResponse
from pynodes.responses.beta import squeeze as squeeze
from pynodes.responses.binary_softmax import BinarySoftmax as BinarySoftmax
from pynodes.responses.conditioned_hallucination import (
    ConditionedHallucination as ConditionedHallucination,
)
from pynodes.responses.conditioned_hallucination import (
    WeightedHallucination as WeightedHallucination,
)
from pynodes.responses.cumulative_gaussian import CumulativeGaussian as CumulativeGaussian
from pynodes.responses.gaussian import GaussianResponse as GaussianResponse
from pynodes.responses.joint import JointResponse as JointResponse
from pynodes.responses.linear import LinearResponse as LinearResponse
from pynodes.responses.log_reaction_time import LogReactionTime as LogReactionTime
from pynodes.responses.log_reaction_time import MinimalLogReactionTime as MinimalLogReactionTime
from pynodes.responses.log_reaction_time import (
    TransitionLogReactionTime as TransitionLogReactionTime,
)
from pynodes.responses.own import OwnResponse as OwnResponse
from pynodes.responses.response_speed import ResponseSpeed as ResponseSpeed
from pynodes.responses.response_speed import TransitionResponseSpeed as TransitionResponseSpeed
from pynodes.responses.selection import previous as previous
from pynodes.responses.selection import select as select
from pynodes.responses.softmax import Softmax as Softmax
from pynodes.responses.softmax import StayShiftSoftmax as StayShiftSoftmax
from pynodes.responses.softmax import TwoTemperatureSoftmax as TwoTemperatureSoftmax
from pynodes.responses.unit_square_sigmoid import UnitSquareSigmoid as UnitSquareSigmoid
