"""The environment of the tools that ours is measured against: pinned, beside these files.

Made once with uv, or with venv and pip where uv is not there. Nothing of ours is in it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from benchmarks.measuring import Size

FOLDER = Path(__file__).parent / ".peers"
REQUIREMENTS = Path(__file__).parent / "peers.txt"
# Without what it requires: torch with CUDA, 3 GB, of which its calibration error uses nothing.
NETCAL = "netcal==1.4.0"


@cache
def python(size: Size) -> tuple[str, str]:
    """Return the Python that runs the peers, and a note where it is not the pinned one."""
    if size is Size.QUICK:
        return sys.executable, "peers in the present environment (quick)"
    made = FOLDER / "bin" / "python"
    stamp = FOLDER / "made-of.txt"
    wanted = REQUIREMENTS.read_text("utf-8") + NETCAL
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        try:
            _make()
        except (subprocess.CalledProcessError, OSError) as error:
            shutil.rmtree(FOLDER, ignore_errors=True)
            said = getattr(error, "stderr", None) or str(error)
            last = said.strip().splitlines()[-1] if said.strip() else "no reason given"
            return sys.executable, f"peers in the present environment; theirs was not made: {last}"
        stamp.write_text(wanted, "utf-8")
    return str(made), ""


def has_netcal(python_of_peers: str) -> bool:
    """Return whether netcal is there."""
    if python_of_peers == sys.executable:
        return find_spec("netcal") is not None
    said = subprocess.run(
        [python_of_peers, "-c", "import importlib.util as u; assert u.find_spec('netcal')"],
        capture_output=True,
        check=False,
    )
    return said.returncode == 0


def _make() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(FOLDER))
        install = [uv, "pip", "install", "--quiet", "--python", str(FOLDER / "bin" / "python")]
    else:
        _run(sys.executable, "-m", "venv", str(FOLDER))
        install = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    (FOLDER / ".gitignore").write_text("*\n", "utf-8")
    _run(*install, "--requirement", str(REQUIREMENTS))
    _run(*install, "--no-deps", NETCAL)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)
