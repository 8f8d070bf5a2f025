"""Dagster's pages of the judged world in a real browser: they load, say what we meant, stay shut.

Pictures go to the folder of LLMOPS_HEALTH_PICTURES, for people to look at.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def server(demo: Path) -> Iterator[str]:
    """Serve the judged world read-only, by the command that people use; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    command = ["-m", "llmops_health", "ui", "--read-only", "--port", str(port), "-c", str(demo)]
    with subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            _await(url, process)
            yield url
        finally:
            os.killpg(process.pid, 15)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            httpx.get(f"{url}/server_info", timeout=1)
        except httpx.TransportError:
            continue
        return
    pytest.fail(f"no answer at {url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """Yield a page that fails its test where something is asked from elsewhere, or broken."""
    elsewhere: list[str] = []
    broken: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((server, "data:", "blob:")):
            elsewhere.append(request.url)

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error" and "WebSocket" not in message.text:
            broken.append(message.text)

    opened = browser.new_page(viewport={"width": 1600, "height": 1000}, base_url=server)
    opened.set_default_timeout(PATIENCE_MS)
    opened.on("request", note)
    opened.on("console", complain)
    yield opened
    opened.close()
    assert elsewhere == []
    assert broken == []


def keep(page: Page, name: str) -> None:
    folder = os.environ.get("LLMOPS_HEALTH_PICTURES")
    if folder:
        page.wait_for_timeout(2500)  # Dagster fades its pages in
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_lineage_shows_every_layer_by_name(page: Page) -> None:
    page.goto("/asset-groups", wait_until="domcontentloaded")
    for group in ("landed", "core", "summary", "calibration", "drift", "eval_rot", "published"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    keep(page, "lineage")


def test_a_checks_asset_says_what_it_is_and_shows_its_picture(page: Page) -> None:
    page.goto("/assets/health__calibration__miscalibration", wait_until="domcontentloaded")
    expect(page.get_by_text("Miscalibration: confidence does not mean").first).to_be_visible()
    keep(page, "asset")
    page.goto(
        "/assets/health__calibration__miscalibration?view=checks", wait_until="domcontentloaded"
    )
    expect(page.get_by_text("healthy", exact=True).first).to_be_visible()
    keep(page, "checks")
    page.get_by_role("row").filter(has_text="support-intents plot").get_by_text("Show").click()
    picture = page.locator("img[src^='data:image/svg+xml']").first
    expect(picture).to_be_visible()
    assert picture.evaluate("one => one.naturalWidth") > 100
    keep(page, "plot")


def test_the_range_that_was_judged_is_a_run_like_any_other(page: Page) -> None:
    page.goto("/runs", wait_until="domcontentloaded")
    for job in ("ingest", "health_of_days", "power_cards"):
        expect(page.get_by_role("link", name=job, exact=True).first).to_be_visible()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible()
    keep(page, "runs")


def test_a_run_of_the_command_line_stands_with_its_job(page: Page) -> None:
    jobs = "/locations/llmops_health.definitions/jobs"
    page.goto(f"{jobs}/health_of_days/runs", wait_until="domcontentloaded")
    expect(page.get_by_text("Manually launched").first).to_be_visible()
    keep(page, "job")
    page.goto("/overview/timeline", wait_until="domcontentloaded")
    expect(page.locator("a[href$='/jobs/health_of_days']").first).to_be_visible()
    keep(page, "timeline")


def test_metadata_of_days_is_drawn(page: Page) -> None:
    page.goto(
        "/assets/health__calibration__overconfidence?view=overview", wait_until="domcontentloaded"
    )
    expect(page.get_by_text("support-intents value").first).to_be_visible()
    keep(page, "numbers")


def test_nobody_can_start_a_run(server: str) -> None:
    mutation = """mutation {
        launchRun(executionParams: {
            selector: {repositoryName: "x", repositoryLocationName: "x", jobName: "nightly"},
            runConfigData: {}
        }) { __typename }
    }"""
    answer = httpx.post(f"{server}/graphql", json={"query": mutation}, timeout=60).json()
    assert answer["data"]["launchRun"]["__typename"] == "UnauthorizedError"
