"""Small mistakes somebody could make in a module, one at a time: its mutants.

Left alone, because no number depends on them: docstrings, message texts (every f-string, and every
text with a space in it), type annotations, decorators, `__all__`.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
CALCULATED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.FloorDiv: ast.Mod,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.Pow: ast.Mult,
}
LEFT_ALONE = {"annotation", "returns", "decorator_list", "type_comment"}
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)


@dataclass(frozen=True)
class Mutant:
    """One mistake: where it is, and what it makes of what stood there."""

    line: int
    before: str
    after: str
    statement: int | None
    """The line its statement begins in; None where it runs when the module is imported."""
    tree: Callable[[], ast.Module]
    """The whole module with this mistake in it."""

    @property
    def name(self) -> str:
        return f"{self.line}: {self.before} → {self.after}"


def mutants_of(source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its text."""
    tree = ast.parse(source)
    found = []
    for number, (place, statement, in_function) in enumerate(_places(tree)):
        for choice, new in enumerate(_mistakes(place)):
            found.append(
                Mutant(
                    line=place.lineno,
                    before=_shown(place),
                    after=_shown(new),
                    statement=statement.lineno if in_function else None,
                    tree=lambda number=number, choice=choice: _mutated(source, number, choice),
                )
            )
    return sorted(found, key=lambda mutant: mutant.line)


def told(source: str, tell: str) -> ast.Module:
    """The module unchanged, but that each statement in a function calls `tell` with its line."""

    class Tell(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            self.generic_visit(node)
            if isinstance(node, ast.Module | ast.ClassDef):
                return node
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    setattr(node, name, [new for found in block for new in (call(found), found)])
            return node

    def call(statement: ast.stmt) -> ast.stmt:
        [made] = ast.parse(f"{tell}({statement.lineno})").body
        return made

    return ast.fix_missing_locations(Tell().visit(ast.parse(source)))


def _mutated(source: str, number: int, choice: int) -> ast.Module:
    tree = ast.parse(source)
    place = [found for found, _statement, _in_function in _places(tree)][number]
    new = ast.copy_location(_mistakes(place)[choice], place)

    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is place else self.generic_visit(node)

    return ast.fix_missing_locations(Swap().visit(tree))


def _places(
    node: ast.AST, statement: ast.stmt | None = None, *, in_function: bool = False
) -> Iterator[tuple[ast.expr | ast.stmt, ast.stmt, bool]]:
    """Every expression and statement that may be mistaken, with the statement it belongs to."""
    if isinstance(node, ast.JoinedStr) or _is_all(node) or _is_docstring(node):
        return
    if isinstance(node, ast.stmt):
        statement = node
    if isinstance(node, ast.expr | ast.stmt):
        assert statement is not None
        yield node, statement, in_function
    for name, value in ast.iter_fields(node):
        if name in LEFT_ALONE:
            continue
        inside = in_function
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # Defaults are worked out when the function is defined.
            inside = in_function or name == "body"
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _places(child, statement, in_function=inside)


def _is_all(node: ast.AST) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _mistakes(node: ast.expr | ast.stmt) -> list[ast.AST]:
    for kind, make in MISTAKES:
        if isinstance(node, kind):
            return make(node)
    return []


def _comparison(node: ast.Compare) -> list[ast.AST]:
    made: list[ast.AST] = []
    for index, found in enumerate(node.ops):
        others = [*node.ops]
        others[index] = COMPARED[type(found)]()
        made.append(ast.Compare(node.left, others, node.comparators))
    return made


def _boolean(node: ast.BoolOp) -> list[ast.AST]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return [ast.BoolOp(other, node.values)]


def _negation(node: ast.UnaryOp) -> list[ast.AST]:
    return [node.operand] if isinstance(node.op, ast.Not | ast.USub) else []


def _calculation(node: ast.BinOp) -> list[ast.AST]:
    is_text = any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )
    if is_text or type(node.op) not in CALCULATED:
        return []
    return [ast.BinOp(node.left, CALCULATED[type(node.op)](), node.right)]


def _counting(node: ast.AugAssign) -> list[ast.AST]:
    if type(node.op) not in CALCULATED:
        return []
    return [ast.AugAssign(node.target, CALCULATED[type(node.op)](), node.value)]


def _constant(node: ast.Constant) -> list[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        return [ast.Constant(not value)]
    if isinstance(value, int | float):
        return [ast.Constant(value + 1)]
    if isinstance(value, str) and " " not in value:
        return [ast.Constant(f"{value}?")]
    return []


def _condition(node: ast.If | ast.IfExp | ast.While) -> list[ast.AST]:
    """Turn a bare condition round; a comparison has its own mistakes."""
    if isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        return []
    turned = ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.IfExp):
        return [ast.IfExp(turned, node.body, node.orelse)]
    return [type(node)(turned, node.body, node.orelse)]


def _return(node: ast.Return) -> list[ast.AST]:
    if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None):
        return [ast.Pass()]
    if isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
        return []  # None says no as well; the constant has a mistake of its own
    return [ast.Return(ast.Constant(None))]


def _call_statement(node: ast.Expr) -> list[ast.AST]:
    value = node.value.value if isinstance(node.value, ast.Await) else node.value
    return [ast.Pass()] if isinstance(value, ast.Call) else []


def _assignment(node: ast.Assign) -> list[ast.AST]:
    kept = (ast.Attribute, ast.Subscript)
    return [ast.Pass()] if all(isinstance(target, kept) for target in node.targets) else []


def _left_out(node: ast.stmt) -> list[ast.AST]:
    return [ast.Pass()]


MISTAKES: tuple[tuple[type[ast.AST], Callable[..., list[ast.AST]]], ...] = (
    (ast.Compare, _comparison),
    (ast.BoolOp, _boolean),
    (ast.UnaryOp, _negation),
    (ast.BinOp, _calculation),
    (ast.AugAssign, _counting),
    (ast.Constant, _constant),
    (ast.If, _condition),
    (ast.IfExp, _condition),
    (ast.While, _condition),
    (ast.Return, _return),
    (ast.Expr, _call_statement),
    (ast.Assign, _assignment),
    (ast.Raise, _left_out),
    (ast.Continue, _left_out),
    (ast.Delete, _left_out),
)


def _shown(node: ast.AST) -> str:
    """The code on one line, short enough for a table; of a block, its first line."""
    text = " ".join(ast.unparse(node).splitlines()[0].split())
    return text if len(text) <= 90 else f"{text[:89]}…"
