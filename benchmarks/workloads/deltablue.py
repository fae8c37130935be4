"""DeltaBlue: an incremental solver of one-way constraints with strengths.

The algorithm of Freeman-Benson and Maloney ("The DeltaBlue Algorithm", 1989), written anew from its description.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from itertools import pairwise
from typing import Any

INSTRUMENTED: list[Any] = []
ITERATIONS = 65


class Strength(IntEnum):
    """How much a constraint matters; the smaller the stronger."""

    REQUIRED = 0
    STRONG_PREFERRED = 1
    PREFERRED = 2
    STRONG_DEFAULT = 3
    NORMAL = 4
    WEAK_DEFAULT = 5
    WEAKEST = 6


class Variable:
    def __init__(self, name: str, value: int = 0) -> None:
        self.name = name
        self.value = value
        self.constraints: list[Constraint] = []
        self.determined_by: Constraint | None = None
        self.mark = 0
        self.walk_strength = Strength.WEAKEST
        self.stays = True

    def remove_constraint(self, constraint: Constraint) -> None:
        self.constraints.remove(constraint)
        if self.determined_by is constraint:
            self.determined_by = None


class Constraint:
    """A constraint has methods; a method computes `output()` from `inputs()`."""

    is_input = False

    def __init__(self, strength: Strength) -> None:
        self.strength = strength

    def variables(self) -> Iterable[Variable]:
        raise NotImplementedError

    def inputs(self) -> Iterable[Variable]:
        raise NotImplementedError

    def output(self) -> Variable:
        raise NotImplementedError

    def is_satisfied(self) -> bool:
        raise NotImplementedError

    def choose_method(self, mark: int) -> None:
        raise NotImplementedError

    def mark_unsatisfied(self) -> None:
        raise NotImplementedError

    def execute(self) -> None:
        raise NotImplementedError

    def mark_inputs(self, mark: int) -> None:
        for variable in self.inputs():
            variable.mark = mark

    def inputs_known(self, mark: int) -> bool:
        for variable in self.inputs():
            if not (variable.mark == mark or variable.stays or variable.determined_by is None):
                return False
        return True

    def recalculate(self) -> None:
        output = self.output()
        output.walk_strength = max([self.strength, *(variable.walk_strength for variable in self.inputs())])
        output.stays = not self.is_input and all(variable.stays for variable in self.inputs())
        if output.stays:
            self.execute()


class Unary(Constraint):
    def __init__(self, variable: Variable, strength: Strength) -> None:
        super().__init__(strength)
        self.variable = variable
        self.satisfied = False

    def variables(self) -> Iterable[Variable]:
        return (self.variable,)

    def inputs(self) -> Iterable[Variable]:
        return ()

    def output(self) -> Variable:
        return self.variable

    def is_satisfied(self) -> bool:
        return self.satisfied

    def choose_method(self, mark: int) -> None:
        self.satisfied = self.variable.mark != mark and self.strength < self.variable.walk_strength

    def mark_unsatisfied(self) -> None:
        self.satisfied = False

    def execute(self) -> None:
        pass


class Stay(Unary):
    """The variable should stay as it is."""


class Edit(Unary):
    """The variable is set from outside."""

    is_input = True


class Binary(Constraint):
    def __init__(self, first: Variable, second: Variable, strength: Strength) -> None:
        super().__init__(strength)
        self.first = first
        self.second = second
        self.target: Variable | None = None

    def variables(self) -> Iterable[Variable]:
        return (self.first, self.second)

    def inputs(self) -> Iterable[Variable]:
        return (self.first if self.target is self.second else self.second,)

    def output(self) -> Variable:
        assert self.target is not None
        return self.target

    def is_satisfied(self) -> bool:
        return self.target is not None

    def mark_unsatisfied(self) -> None:
        self.target = None

    def choose_method(self, mark: int) -> None:
        first, second = self.first, self.second
        if first.mark == mark:
            can = second.mark != mark and self.strength < second.walk_strength
            self.target = second if can else None
        elif second.mark == mark or first.walk_strength > second.walk_strength:
            self.target = first if self.strength < first.walk_strength else None
        else:
            self.target = second if self.strength < second.walk_strength else None


class Equal(Binary):
    def execute(self) -> None:
        for source in self.inputs():
            self.output().value = source.value


class Scale(Binary):
    """second = first * scale + offset."""

    def __init__(
        self, first: Variable, scale: Variable, offset: Variable, second: Variable, strength: Strength
    ) -> None:
        super().__init__(first, second, strength)
        self.scale = scale
        self.offset = offset

    def variables(self) -> Iterable[Variable]:
        return (self.first, self.second, self.scale, self.offset)

    def inputs(self) -> Iterable[Variable]:
        yield from super().inputs()
        yield self.scale
        yield self.offset

    def recalculate(self) -> None:
        super().recalculate()
        output = self.output()
        source = self.first if output is self.second else self.second
        output.walk_strength = max(self.strength, source.walk_strength)

    def execute(self) -> None:
        if self.target is self.second:
            self.second.value = self.first.value * self.scale.value + self.offset.value
        else:
            self.first.value = (self.second.value - self.offset.value) // self.scale.value


class Planner:
    def __init__(self) -> None:
        self.mark = 0

    def add(self, constraint: Constraint) -> None:
        for variable in constraint.variables():
            variable.constraints.append(constraint)
        self.incremental_add(constraint)

    def incremental_add(self, constraint: Constraint) -> None:
        self.mark += 1
        overridden = self.satisfy(constraint)
        while overridden is not None:
            overridden = self.satisfy(overridden)

    def satisfy(self, constraint: Constraint) -> Constraint | None:
        constraint.choose_method(self.mark)
        if not constraint.is_satisfied():
            if constraint.strength == Strength.REQUIRED:
                raise ValueError("could not satisfy a required constraint")
            return None
        constraint.mark_inputs(self.mark)
        output = constraint.output()
        overridden = output.determined_by
        if overridden is not None:
            overridden.mark_unsatisfied()
        output.determined_by = constraint
        if not self.propagate(constraint):
            raise ValueError("cycle encountered")
        output.mark = self.mark
        return overridden

    def propagate(self, constraint: Constraint) -> bool:
        todo = [constraint]
        while todo:
            following = todo.pop()
            if following.output().mark == self.mark:
                self.remove(constraint)
                return False
            following.recalculate()
            todo.extend(self.consumers(following.output()))
        return True

    def consumers(self, variable: Variable) -> list[Constraint]:
        return [one for one in variable.constraints if one is not variable.determined_by and one.is_satisfied()]

    def remove(self, constraint: Constraint) -> None:
        if not constraint.is_satisfied():
            for variable in constraint.variables():
                variable.remove_constraint(constraint)
            return
        output = constraint.output()
        constraint.mark_unsatisfied()
        for variable in constraint.variables():
            variable.remove_constraint(constraint)
        for unsatisfied in sorted(self.remove_propagate(output), key=lambda one: one.strength):
            self.incremental_add(unsatisfied)

    def remove_propagate(self, output: Variable) -> list[Constraint]:
        output.determined_by = None
        output.walk_strength = Strength.WEAKEST
        output.stays = True
        unsatisfied: list[Constraint] = []
        todo = [output]
        while todo:
            variable = todo.pop()
            unsatisfied += [one for one in variable.constraints if not one.is_satisfied()]
            for constraint in self.consumers(variable):
                constraint.recalculate()
                todo.append(constraint.output())
        return unsatisfied

    def plan_from(self, sources: Iterable[Constraint]) -> list[Constraint]:
        self.mark += 1
        plan: list[Constraint] = []
        todo = [one for one in sources if one.is_input and one.is_satisfied()]
        while todo:
            constraint = todo.pop()
            output = constraint.output()
            if output.mark != self.mark and constraint.inputs_known(self.mark):
                plan.append(constraint)
                output.mark = self.mark
                todo.extend(self.consumers(output))
        return plan


def change(planner: Planner, variable: Variable, value: int) -> None:
    edit = Edit(variable, Strength.PREFERRED)
    planner.add(edit)
    plan = planner.plan_from([edit])
    for step in range(10):
        variable.value = value + step
        for constraint in plan:
            constraint.execute()
    planner.remove(edit)


def chain(length: int) -> int:
    """Equal constraints in a row: the last must follow the first."""
    planner = Planner()
    variables = [Variable(f"v{i}") for i in range(length)]
    for first, second in pairwise(variables):
        planner.add(Equal(first, second, Strength.REQUIRED))
    planner.add(Stay(variables[-1], Strength.STRONG_DEFAULT))
    edit = Edit(variables[0], Strength.PREFERRED)
    planner.add(edit)
    plan = planner.plan_from([edit])
    for value in range(20):
        variables[0].value = value
        for constraint in plan:
            constraint.execute()
        assert variables[-1].value == value
    planner.remove(edit)
    return len(plan) * 1000 + variables[-1].value


def projection(count: int) -> int:
    """Scale constraints side by side: changed at either end, then by scale and offset."""
    planner = Planner()
    scale, offset = Variable("scale", 10), Variable("offset", 1000)
    sources = [Variable(f"source{i}", i) for i in range(count)]
    targets = [Variable(f"target{i}", i) for i in range(count)]
    for source, target in zip(sources, targets, strict=True):
        planner.add(Stay(source, Strength.NORMAL))
        planner.add(Scale(source, scale, offset, target, Strength.REQUIRED))
    change(planner, sources[-1], 17)
    assert targets[-1].value == (17 + 9) * 10 + 1000
    change(planner, targets[-1], 1050)
    assert sources[-1].value == 5
    change(planner, scale, 5)
    change(planner, offset, 2000)
    assert [target.value for target in targets[:-1]] == [source.value * 14 + 2009 for source in sources[:-1]]
    return sum(target.value for target in targets)


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        return chain(60) + projection(24 + iteration % 3)

    return run
