"""Whether functions act on the world: such ones are traced on the ways alone that points take.

On a way that no point takes f would end the program, ask a question, write a file.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from types import CodeType
from typing import Any

from ..captures import instructions
from ..members import ATTRIBUTES

_FUNCTIONS = {
    "open", "input", "exit", "quit", "breakpoint", "__import__", "exec", "eval", "getattr", "globals", "vars", "next",
    "rmtree", "run", "call", "select",
}  # fmt: skip
_PLACES = {
    "posix", "nt", "io", "_io", "time", "signal", "_signal", "subprocess", "shutil", "_heapq", "_bisect", "_thread",
    "_posixsubprocess", "_struct", "socket", "_socket", "select", "_queue", "atexit", "gc",
}  # fmt: skip
"""Where functions of C are that act, and builtins of these names."""
_MODULES = {
    "subprocess", "shutil", "socket", "requests", "urllib", "smtplib", "ftplib", "webbrowser", "pickle", "sqlite3",
    "tempfile", "ctypes", "plt", "pyplot", "wandb", "mlflow",
}  # fmt: skip
_METHODS = {
    "_exit", "abort", "kill", "sleep", "system", "popen", "Popen", "stdin", "stdout", "stderr", "getLogger", "save",
    "savetxt", "savez", "savez_compressed", "savemat", "savefig", "imsave", "imwrite", "tofile", "dump", "to_csv",
    "to_pickle", "to_excel", "to_json", "to_parquet", "write", "writelines", "writerow", "writerows", "write_text",
    "write_bytes", "open", "fdopen", "unlink", "rmtree", "rmdir", "mkdir", "makedirs", "rename", "touch", "chdir",
    "putenv", "send", "sendall", "post", "urlopen", "execute", "commit", "set_trace", "truncate", "chmod", "utime",
    "link", "symlink", "memmap", "open_memmap", "copyfile", "copy2", "copytree", "move", "execv", "execve", "execl",
    "fork", "spawn", "mkstemp", "NamedTemporaryFile", "TemporaryFile", "pprint", "check_call", "check_output",
    "acquire", "wait", "raise_signal", "alarm", "setrecursionlimit", "interact", "remove", "replace", "readline",
    "readlines", "read", "seek", "close", "put", "put_nowait", "get_nowait", "heappush", "heappop", "heapify",
    "heapreplace", "heappushpop", "insort", "insort_left", "insort_right", "setitem", "delitem", "islice",
    "getcontext", "setcontext", "localcontext", "set_printoptions", "setlocale", "setswitchinterval", "settrace",
    "setprofile", "print_stack", "print_exc", "print_exception", "dis", "prmonth", "pryear", "cache_clear",
    "cache_info", "rvs", "addHandler", "removeHandler", "setLevel", "set_option", "rcParams", "enter_context",
    "callback",
}  # fmt: skip


_SETTING, _SETS = {"STORE_SUBSCR", "DELETE_SUBSCR"}, {"pop", "update", "setdefault", "clear", "popitem"}
# The user's own functions are often called so.
_GLOBALS = (_FUNCTIONS | _MODULES | _METHODS).difference({
    "read", "put", "close", "wait", "link", "move", "save", "dump", "write", "seek", "replace", "post", "send",
    "execute",
})  # fmt: skip


def act(codes: Collection[CodeType]) -> bool:
    """Whether functions mention something that acts."""
    return any(map(_acts, codes))


def acts(function: Any) -> bool:
    """Whether a function of C acts, or changes what cannot be put back, by whatever name it is called."""
    name, owner = getattr(function, "__name__", ""), getattr(function, "__self__", None)
    place = getattr(function, "__module__", None) or type(owner).__module__
    return place in _PLACES or (place == "builtins" and name in _FUNCTIONS) or type(owner).__module__ in _PLACES


@lru_cache(maxsize=1024)
def _acts(code: CodeType) -> bool:
    doing = instructions(code)
    if "print" in code.co_names and any(i.opname == "STORE_GLOBAL" for i in doing):
        return True  # no other print can be put in its place: a copy of the function would not be seen to store
    if "environ" in code.co_names and (any(i.opname in _SETTING for i in doing) or not _SETS.isdisjoint(code.co_names)):
        return True
    if any(i.opname == "STORE_ATTR" and i.argval in ("__class__", "__dict__") for i in doing):
        return True
    for i in doing:
        if i.opname in ATTRIBUTES and i.argval in _METHODS:
            return True
        if i.opname in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"} and i.argval in _GLOBALS:
            return True
    return any(_acts(const) for const in code.co_consts if isinstance(const, CodeType))
