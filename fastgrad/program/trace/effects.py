"""Whether functions act on the world: such ones are traced on the ways alone that points take.

On a way that no point takes f would end the program, ask a question, write a file.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from types import CodeType

from ..captures import instructions
from ..members import ATTRIBUTES

_FUNCTIONS = {"open", "input", "exit", "quit", "breakpoint", "__import__"}
_MODULES = {
    "subprocess", "shutil", "socket", "requests", "urllib", "smtplib", "ftplib", "webbrowser", "pickle", "sqlite3",
    "tempfile", "ctypes", "plt", "pyplot", "wandb", "mlflow",
}  # fmt: skip
_METHODS = {
    "_exit", "abort", "kill", "sleep", "system", "popen", "Popen", "stdin", "stdout", "stderr", "getLogger", "save",
    "savetxt", "savez", "savez_compressed", "savemat", "savefig", "imsave", "imwrite", "tofile", "dump", "to_csv",
    "to_pickle", "to_excel", "to_json", "to_parquet", "write", "writelines", "writerow", "writerows", "write_text",
    "write_bytes", "open", "fdopen", "unlink", "rmtree", "rmdir", "mkdir", "makedirs", "rename", "touch", "chdir",
    "putenv", "send", "sendall", "post", "urlopen", "execute", "commit", "set_trace",
}  # fmt: skip


def act(codes: Collection[CodeType]) -> bool:
    """Whether functions mention something that acts."""
    return any(map(_acts, codes))


@lru_cache(maxsize=1024)
def _acts(code: CodeType) -> bool:
    doing = instructions(code)
    if "print" in code.co_names and any(i.opname == "STORE_GLOBAL" for i in doing):
        return True  # no other print can be put in its place: a copy of the function would not be seen to store
    for i in doing:
        if i.opname in ATTRIBUTES and i.argval in _METHODS:
            return True
        if i.opname in {"LOAD_GLOBAL", "LOAD_NAME"} and i.argval in _FUNCTIONS | _MODULES:
            return True
    return any(_acts(const) for const in code.co_consts if isinstance(const, CodeType))
