"""Finds every place of the package that makes something durable: there a kill may hurt.

Reads the syntax of the modules and runs none of them. A place is `module:function`; what it does is
said in the words of KINDS, and the list of them is tests/faults/crash_points.csv.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "reconcile_pipeline"
SPARED = ("simulators", "scaffold", "nemesis")
"""Made-up systems, files for people who write code, and a test that ships: nobody's data."""
KINDS = {
    "fsync": "sync",
    "rename": "swap",
    "symlink_to": "swap",
    "write_text": "write",
    "write_bytes": "write",
    "touch": "write",
    "write_parquet": "write",
    "sink_parquet": "write",
    "ParquetWriter": "write",
    "copy": "copy",
    "copy2": "copy",
    "copyfile": "copy",
    "copytree": "copy",
    "backup": "copy",
    "move": "copy",
    "unlink": "remove",
    "rmdir": "remove",
    "rmtree": "remove",
    "writing": "transaction",
    "commit": "transaction",
    "begin": "transaction",
}
STATEMENTS = {"commit": "transaction", "begin": "transaction", "checkpoint": "sync"}
NOT_FILES = {("sessions", "begin")}
"""Calls of the same name that touch no file: (owner, method)."""


def owner_of(call: ast.Call) -> str:
    """The last name before the called one: `shutil` of `shutil.move`."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    value = call.func.value
    return value.id if isinstance(value, ast.Name) else getattr(value, "attr", "")


def kind_of(call: ast.Call) -> str | None:
    """What a call makes durable, if anything."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = owner_of(call)
    if (owner, name) in NOT_FILES:
        return None
    if name == "replace":
        # A path's has one argument, `os`'s has two; texts and dates have others.
        is_path = isinstance(call.func, ast.Attribute) and len(call.args) == 1
        return "swap" if owner == "os" or (is_path and not call.keywords) else None
    if name in ("open", "fdopen"):
        return "write" if opens_to_write(call) else None
    if name in ("execute", "sql", "exec_driver_sql") and call.args:
        return statement_of(call.args[0])
    if name == "copy" and owner != "shutil":
        return None
    return KINDS.get(name)


def opens_to_write(call: ast.Call) -> bool:
    given = [*call.args, *(word.value for word in call.keywords if word.arg in ("mode", "flags"))]
    for value in given:
        for part in ast.walk(value):
            if isinstance(part, ast.Attribute) and part.attr in ("O_WRONLY", "O_RDWR", "O_CREAT"):
                return True
    texts = [one.value for one in given if isinstance(one, ast.Constant)]
    modes = [text for text in texts if isinstance(text, str) and set(text) <= set("rwxabt+")]
    return any(set(mode) & set("wxa+") for mode in modes)


def statement_of(value: ast.expr) -> str | None:
    """What a statement written in place makes durable; SQL in files builds tables only."""
    if isinstance(value, ast.JoinedStr):
        value = value.values[0]
    if not (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        return None
    words = value.value.lower().split()
    return STATEMENTS.get(words[0]) if words else None


def walk(node: ast.AST, within: str) -> Iterator[tuple[str, str]]:
    """(function, kind) for each call, named by the outermost function around it or its method."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from walk(child, f"{within}.{child.name}".lstrip("."))
        else:
            if isinstance(child, ast.Call) and (kind := kind_of(child)):
                yield within or "<module>", kind
            yield from walk(child, within)


def places() -> dict[str, str]:
    """{module:function -> the kinds of what it makes durable}, found in the code itself."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if inside.parts[0] in SPARED:
            continue
        module = ".".join((*inside.parts[:-1], inside.stem)).removesuffix(".__init__")
        for function, kind in walk(ast.parse(path.read_text("utf-8")), ""):
            found[f"{module}:{function}"].add(kind)
    return {place: " ".join(sorted(kinds)) for place, kinds in sorted(found.items())}
