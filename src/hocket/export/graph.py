"""Writing an ONNX graph as formulas: values that add, multiply and call operators, each of which becomes a node."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, Union

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

Operand: TypeAlias = Union["Value", np.ndarray, float]


@dataclass(frozen=True)
class Value:
    """Something that the graph computes or holds; in formulas it behaves like the tensor it stands for."""

    graph: "Graph"
    name: str

    def __add__(self, other: Operand) -> "Value":
        return self.graph.op("Add", self, other)

    def __sub__(self, other: Operand) -> "Value":
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: float) -> "Value":
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Operand) -> "Value":
        return self.graph.op("Mul", self, other)

    def __truediv__(self, other: Operand) -> "Value":
        return self.graph.op("Div", self, other)

    def __matmul__(self, other: Operand) -> "Value":
        return self.graph.op("MatMul", self, other)

    def transposed(self, *order: int) -> "Value":
        """The same with its axes in another order."""
        return self.graph.op("Transpose", self, perm=order)

    def reshaped(self, *shape: int) -> "Value":
        """The same in another shape; 0 keeps an axis, -1 is what is left."""
        return self.graph.op("Reshape", self, np.array(shape))

    def with_axis(self, axis: int) -> "Value":
        """The same with one more axis of length 1."""
        return self.graph.op("Unsqueeze", self, np.array([axis]))

    def between(self, first: int, last: int | None, axis: int) -> "Value":
        """From `first` up to `last`, counted from the end where it is negative; None is the end."""
        stop = np.iinfo(np.int64).max if last is None else last
        return self.graph.op("Slice", self, np.array([first]), np.array([stop]), np.array([axis]))

    def split(self, sizes: Sequence[int]) -> list["Value"]:
        """Parts of these sizes along the last axis."""
        return self.graph.ops("Split", len(sizes), self, np.array(sizes), axis=-1)

    def sum(self, axis: int, *, keepdims: bool = False) -> "Value":
        """Sum along one axis."""
        return self.graph.op("ReduceSum", self, np.array([axis]), keepdims=int(keepdims))

    def mean(self, axis: int, *, keepdims: bool = False) -> "Value":
        """Mean along one axis."""
        return self.graph.op("ReduceMean", self, np.array([axis]), keepdims=int(keepdims))

    def at_least(self, floor: Operand) -> "Value":
        """The larger of the two."""
        return self.graph.op("Max", self, floor)

    def clipped(self, lowest: float, highest: float) -> "Value":
        """Kept within two bounds."""
        return self.graph.op("Clip", self, lowest, highest)

    def magnitude(self) -> "Value":
        """Without its sign."""
        return self.graph.op("Abs", self)

    def reciprocal(self) -> "Value":
        """One over it."""
        return self.graph.op("Reciprocal", self)

    def log(self) -> "Value":
        """Natural logarithm."""
        return self.graph.op("Log", self)

    def exp(self) -> "Value":
        """The inverse of the natural logarithm."""
        return self.graph.op("Exp", self)

    def sqrt(self) -> "Value":
        """Square root."""
        return self.graph.op("Sqrt", self)

    def sigmoid(self) -> "Value":
        """Logistic function; unlike onnxruntime's own it is as exact where it is nearly 0 as anywhere."""
        return ((self * -1.0).exp() + 1.0).reciprocal()


class Graph:
    """Nodes and constants in the order of their making; equal constants are kept once."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], Value] = {}

    def input(self, name: str) -> Value:
        """A value that comes from outside."""
        return Value(self, name)

    def constant(self, values: np.ndarray | float) -> Value:
        """A constant: single precision, or 64 bits where it holds whole numbers (shapes, axes)."""
        array = np.ascontiguousarray(values)
        array = array.astype(np.int64 if array.dtype.kind == "i" else np.float32).reshape(np.shape(values))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = Value(self, f"constant_{len(self._known)}")
            self.constants.append(numpy_helper.from_array(array, self._known[key].name))
        return self._known[key]

    def op(self, kind: str, *operands: Operand, **attributes: Any) -> Value:
        """The result of an operator."""
        return self.ops(kind, 1, *operands, **attributes)[0]

    def ops(self, kind: str, num_results: int, *operands: Operand, **attributes: Any) -> list[Value]:
        """The results of an operator that has several."""
        values = [item if isinstance(item, Value) else self.constant(item) for item in operands]
        name = f"{kind}_{len(self.nodes)}"
        results = [Value(self, f"{name}_{index}") for index in range(num_results)]
        inputs, outputs = [value.name for value in values], [result.name for result in results]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return results

    def joined(self, values: Sequence[Value], axis: int = -1) -> Value:
        """Values side by side along an axis."""
        return self.op("Concat", *values, axis=axis)

    def output(self, value: Value, name: str) -> None:
        """Gives a value the name by which it is asked for."""
        self.nodes.append(helper.make_node("Identity", [value.name], [name], name=name))
