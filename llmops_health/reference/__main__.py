"""Write the reference: `python -m llmops_health.reference docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from llmops_health.reference import write

for path in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
    sys.stdout.write(f"{path}\n")
