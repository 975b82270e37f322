"""Fuses twice in a fresh process and says when it was where.

Takes BEGIN INPUT TARGET OUTPUT, BEGIN being when it was started, in seconds since the epoch; writes one line of JSON,
seconds by stage.
"""

import json
import sys
import time


def fuse_afresh(begin: float, input_path: str, target_path: str, output: str) -> dict[str, float]:
    """Seconds from one stage to the next."""
    moments = {"python": time.time()}
    import torch  # noqa: F401 (its own stage)

    moments["loading torch"] = time.time()
    from hocket.fusing import Fuser

    moments["loading what fuses"] = time.time()
    fuser = Fuser.from_checkpoint()
    moments["loading the weights"] = time.time()
    fuser.fuse_to_file(input_path, target_path, output)
    moments["the first fusion"] = time.time()
    fuser.fuse_to_file(input_path, target_path, output)
    moments["the second fusion, for comparison"] = time.time()
    names, ends = list(moments), list(moments.values())
    taken = [end - start for start, end in zip([begin, *ends], ends, strict=False)]
    return {**dict(zip(names, taken, strict=True)), "all but the second": ends[-2] - begin}


if __name__ == "__main__":
    figures = fuse_afresh(float(sys.argv[1]), *sys.argv[2:])
    sys.stdout.write(json.dumps(figures) + "\n")
