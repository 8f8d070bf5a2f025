"""CODEOWNERS: what lines mean, and who owns a path, after GitHub's and GitLab's own examples."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from llmops_health.ingest.documents import Row
from llmops_health.ingest.documents.codeowners import owners_of
from llmops_health_tests.ingest.documents.samples import read


def owners(text: str, *paths: str) -> list[Sequence[str]]:
    rows = read("codeowners", text)
    return [owners_of(path, rows) for path in paths]


GITHUB = """\
# a comment
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/*  docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/
/apps/github @doctocat
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("README.md", "@global-owner1 @global-owner2"),
        ("src/deep/x.js", "@js-owner"),
        ("x.go", "docs@example.com"),
        ("build/logs/a/b", "@octocat"),
        ("build/logs", "@octocat"),
        ("src/apps/x.go", "@octocat"),
        ("docs/x.md", "@doctocat"),
        ("docs/a/x.txt", "@doctocat"),
        ("src/docs/x.md", "@global-owner1 @global-owner2"),
        ("scripts/x.sh", "@doctocat @octocat"),
        ("deeply/nested/logs/x", "@octocat"),
        ("apps/x.js", ""),
        ("apps/github/x", "@doctocat"),
        ("apps/github", "@doctocat"),
        ("./apps/githubber", ""),
        ("scripts/", "@doctocat @octocat"),
        ("scripts", "@global-owner1 @global-owner2"),
    ],
)
def test_the_last_pattern_that_matches_says_who(path: str, expected: str) -> None:
    assert owners(GITHUB, path) == [tuple(expected.split())]


def test_a_star_stays_in_its_folder_and_two_do_not() -> None:
    text = "docs/* @a\n/src/**/test_* @b\n/lib/** @c\n/a?c.txt @d\nx[1].txt @e\nsp\\ ace\\#.md @f\n"
    found = owners(
        text, "docs/x", "docs/a/x", "src/test_a", "src/p/q/test_b", "lib/a/b", "abc.txt",
        "a/c.txt", "x[1].txt", "x1.txt", "in/sp ace#.md",
    )  # fmt: skip
    said = [" ".join(one) for one in found]
    assert said == ["@a", "", "@b", "@b", "@c", "@d", "", "@e", "", "@f"]


GITLAB = """\
* @default
!secret.txt

[Documentation] @docs-team
docs/
/README.md @lead

^[Database][2] @dba @org/group/sub
model/db/
docs/db.md @dba2   # inline

[documentation]
*.rst
"""


def test_sections_speak_each_for_itself() -> None:
    assert owners(GITLAB, "docs/x", "README.md", "model/db/x", "docs/db.md", "secret.txt") == [
        ("@default", "@docs-team"),
        ("@default", "@lead"),
        ("@default", "@dba", "@org/group/sub"),
        ("@default", "@docs-team", "@dba2"),
        (),
    ]
    rows = {row["name"]: row for row in read("codeowners", GITLAB)}
    assert rows["model/db/"]["section"] == "Database"
    assert rows["*.rst"]["owner"] is None


def test_a_pattern_of_two_sections_is_two_parts_and_within_one_the_last_stands() -> None:
    rows = read("codeowners", "a @x\na @y\n[S] @z\na\n")
    assert [(row["component_id"], row["owner"], row["line"]) for row in rows] == [
        ("path:a", "@y", 2),
        ("path:a [S]", "@z", 4),
    ]


def test_words_that_are_no_owners_are_named() -> None:
    [row] = read("codeowners", "*.py nobody @ok ann@example.com @\n")
    assert row["owner"] == "@ok ann@example.com"
    assert row["invalid_owners"] == ["nobody", "@"]


def test_rows_of_the_table_are_taken_with_their_attributes() -> None:
    rows: list[Row] = [
        {"component_id": "path:*", "name": "*", "owner": "@a", "attributes": '{"line": 2}'},
        {"component_id": "path:/x", "name": "/x", "owner": "@b", "attributes": '{"line": 1}'},
        {"component_id": "model", "name": "*", "owner": "@no", "attributes": None},
    ]
    assert owners_of("x", rows) == ("@a",)
    assert owners_of("x", rows[1:]) == ("@b",)
    assert owners_of("y", rows[1:]) == ()


def test_no_pattern_takes_long() -> None:
    rows = read("codeowners", "/" + "*a" * 100 + "b @a\n" + "**/" * 100 + "c @b\n/ @c\n**/**/ @d\n")
    assert owners_of("a" * 200, rows[:3]) == ("@c",)
    assert owners_of("/".join("x" * 100), rows) == ("@d",)
