"""Optimisers by name, with their state in plain lists of tensors that a checkpoint can hold.

The updates are those of torch's functional optimisers. The classes in `torch.optim` compute the same, but the first one
to be built imports torch's compiler, which takes longer than a short training.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd


class Optimiser:
    """Updates parameters from their gradients; `state` maps a name to a tensor for each parameter."""

    state: dict[str, list[Tensor]]

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]

    def step(self, rate: float) -> None:
        """Update every parameter that has a gradient at the learning rate `rate`, and clear the gradients."""
        used = [number for number, parameter in enumerate(self.parameters) if parameter.grad is not None]
        parameters: list[Tensor] = [self.parameters[number] for number in used]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        state = {name: [tensors[number] for number in used] for name, tensors in self.state.items()}
        with torch.no_grad():
            self._update(parameters, gradients, state, rate)
        for parameter in parameters:
            parameter.grad = None

    def _update(
        self, parameters: list[Tensor], gradients: list[Tensor], state: dict[str, list[Tensor]], rate: float
    ) -> None:
        raise NotImplementedError

    def _zeros(self) -> list[Tensor]:
        return [torch.zeros_like(parameter, memory_format=torch.preserve_format) for parameter in self.parameters]


class Adam(Optimiser):
    """Adam (Kingma and Ba 2015) with torch's defaults: betas 0.9 and 0.999, epsilon 1e-8, no weight decay."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__(parameters)
        steps = [torch.zeros(()) for _ in self.parameters]
        self.state = {"mean": self._zeros(), "square": self._zeros(), "steps": steps}

    def _update(
        self, parameters: list[Tensor], gradients: list[Tensor], state: dict[str, list[Tensor]], rate: float
    ) -> None:
        adam(
            parameters,
            gradients,
            state["mean"],
            state["square"],
            [],
            state["steps"],
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )


class SGD(Optimiser):
    """Stochastic gradient descent with a momentum of 0.9."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__(parameters)
        self.state = {"momentum": self._zeros()}

    def _update(
        self, parameters: list[Tensor], gradients: list[Tensor], state: dict[str, list[Tensor]], rate: float
    ) -> None:
        sgd(
            parameters,
            gradients,
            list(state["momentum"]),
            weight_decay=0.0,
            momentum=0.9,
            lr=rate,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


OPTIMISERS: dict[str, type[Optimiser]] = {"adam": Adam, "sgd": SGD}
"""Optimisers by the name used in params.yaml."""


def create(name: str, parameters: Iterable[nn.Parameter]) -> Optimiser:
    """The optimiser `name` of `parameters`; ValueError that names the known ones."""
    if name not in OPTIMISERS:
        raise ValueError(f"unknown optimiser {name!r}; known: {', '.join(OPTIMISERS)}")
    return OPTIMISERS[name](parameters)
