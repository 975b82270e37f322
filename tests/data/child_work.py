"""What children are made to do in tests; a module of its own, because they import it. Torch only where it is used."""

import os
import signal
import time
from pathlib import Path
from typing import Any


def square(task: dict[str, Any]) -> Any:
    """Squares `x`, or does what `do` says."""
    match task.get("do"):
        case "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leave":
            os._exit(3)
        case "hang":
            time.sleep(600)
        case "raise":
            raise KeyError("no such thing")
        case "eat":
            return len(bytearray(4 << 30))
        case "print":
            print("a decoder that talks", flush=True)
        case "environment":
            return {"pid": os.getpid()}
        case "scan":
            import torch

            from hocket.data.scan import scan_in_child

            found = scan_in_child({"path": task["path"], "known": None})
            return {"name": Path(found["result"]["path"]).name, "threads": torch.get_num_threads()}
    return task["x"] ** 2


def look_or_die(task: dict[str, Any]) -> dict[str, Any]:
    """Looks at a recording, and dies of one with `deadly` in its name."""
    from hocket.data.scan import scan_in_child

    name = Path(task["path"]).name
    if "deadly" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "vanishing" in name:
        Path(task["path"]).unlink()
    return scan_in_child(task)


def look_and_count(task: dict[str, Any]) -> dict[str, Any]:
    """Looks at a recording and leaves a note of it beside the music's folder."""
    from hocket.data.scan import scan_in_child

    path = Path(task["path"])
    with (path.parents[1] / "looked_at.txt").open("a", encoding="utf-8") as handle:
        handle.write(path.name + "\n")
    return scan_in_child(task)
