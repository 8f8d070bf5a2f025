"""The page: verdicts as a matrix, then every finding that needs a person. One file, no network.

Everything that comes from data is escaped; nothing here decides or measures.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

import polars as pl

_STYLE = """
:root{color-scheme:light dark;--fg:#1b1f24;--bg:#fff;--line:#d0d7de;--dim:#57606a;
--failing:#b42318;--warning:#9a6700;--healthy:#1a7f37;--no_evidence:#57606a;--not_applicable:#8c959f}
@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--line:#30363d;--dim:#9198a1;
--failing:#ff7b72;--warning:#d29922;--healthy:#3fb950;--no_evidence:#9198a1;--not_applicable:#6e7681}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:0 auto;
max-width:72rem;padding:1.5rem}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p.dim,td.dim{color:var(--dim)}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;
padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line)}
.failing,.FAIL{color:var(--failing);font-weight:600}.warning,.WARN{color:var(--warning);font-weight:600}
.healthy{color:var(--healthy)}.no_evidence{color:var(--no_evidence)}
.not_applicable{color:var(--not_applicable)}
article{border-left:3px solid var(--line);padding:.1rem 0 .1rem 1rem;margin:1rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem;border:1px solid var(--line);
padding:.75rem;border-radius:6px}summary{cursor:pointer;color:var(--dim)}
"""


def page(verdicts: pl.DataFrame, findings: pl.DataFrame) -> str:
    """Return the page of one day from its verdicts and findings."""
    day = str(verdicts["day"][0]) if len(verdicts) else "no day yet"
    n_failing = (verdicts["status"] == "failing").sum()
    alarms = findings.filter(pl.col("status").is_in(["FAIL", "WARN"])).sort("status", "feature_id")
    listed = "".join(_article(row) for row in alarms.iter_rows(named=True))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>LLM health, {escape(day)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>LLM health on {escape(day)}</h1>"
        f'<p class="dim">{n_failing} failing of {len(verdicts)} verdicts.</p>'
        f"<h2>Verdicts</h2>{_matrix(verdicts)}"
        f"<h2>Findings</h2>{listed or '<p>Nothing needs attention.</p>'}"
        "</main></body></html>\n"
    )


def write(verdicts: pl.DataFrame, findings: pl.DataFrame, folder: Path) -> Path:
    """Write the page to `folder/index.html`, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    fresh = folder / f".index.html.{os.getpid()}"
    fresh.write_text(page(verdicts, findings), "utf-8")
    fresh.replace(path)
    return path


def _matrix(verdicts: pl.DataFrame) -> str:
    modes = sorted(verdicts["mode"].unique().to_list())
    head = "".join(f'<th scope="col">{escape(mode)}</th>' for mode in modes)
    body = "".join(
        f'<tr><th scope="row">{escape(str(feature))}</th>{_cells(rows, modes)}</tr>'
        for (feature,), rows in verdicts.sort("feature_id").group_by(
            "feature_id", maintain_order=True
        )
    )
    return (
        f'<div class="scroll"><table><thead><tr><th scope="col">feature</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(rows: pl.DataFrame, modes: Sequence[str]) -> str:
    status = dict(rows.select("mode", "status").iter_rows())
    return "".join(
        f'<td class="{escape(status.get(mode, ""))}">'
        f"{escape(status.get(mode, '').replace('_', ' '))}</td>"
        for mode in modes
    )


def _article(row: dict[str, object]) -> str:
    where = escape(f"{row['feature_id']} {row['segment'] or ''}".strip())
    status = escape(str(row["status"]))
    name = escape(f"{row['mode']}.{row['check_name']}")
    return (
        f'<article><h3><span class="{status}">{status}</span>'
        f" {where}: {name}</h3><p>{escape(str(row['message']))}</p>"
        f"<p><strong>Do now:</strong> {escape(str(row['action'] or ''))}</p>"
        f"<details><summary>The rows behind it (n = {row['n']})</summary>"
        f"<pre>{escape(str(row['evidence_sql'] or ''))}</pre></details></article>"
    )
