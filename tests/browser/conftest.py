"""One Chromium for all browser tests; a page that fails the test on any console error or outside request."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from viewing import make_folder, make_library, served
from walks import walk

from syncline.tasks import align
from syncline.viewer.library import Library

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
PATIENCE = 120_000
"""Milliseconds that a page and an expectation wait."""
expect.set_options(timeout=PATIENCE)
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; tests are skipped without one, unless SYNCLINE_REQUIRE_BROWSER=1 makes that a failure."""
    if not Path(CHROMIUM).exists():
        if os.environ.get("SYNCLINE_REQUIRE_BROWSER") == "1":
            pytest.fail("SYNCLINE_REQUIRE_BROWSER is set, and there is no chromium")
        pytest.skip("no chromium here; apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """What the first alignment of a process imports and compiles is there before any page waits for it."""
    moments = walk(np.linspace(0, 1, 20), "a")
    assert align(moments, moments).matches


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bar-code videos."""
    return make_folder(tmp_path_factory.mktemp("bars"))


@pytest.fixture
def library(folder: Path, tmp_path: Path) -> Library:
    """Their library, with a work folder of the test's own."""
    return make_library(folder, tmp_path / "work")


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes pages; at the end no page may have reported an error or asked another host for anything."""
    faults: list[str] = []
    contexts: list[BrowserContext] = []
    pages: list[Page] = []

    def make(**options: object) -> Page:
        context: BrowserContext = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: faults.append(asked.url) if not _inside(asked.url) else None)
        return page

    make.pages = pages  # type: ignore[attr-defined]
    yield make
    for context in contexts:
        context.close()
    assert not faults, faults


@pytest.fixture
def serve(new_page: Callable[..., Page]) -> Callable[..., AbstractContextManager[str]]:
    """`served`, which leaves the pages before the server goes, so that they do not ask in vain."""

    @contextmanager
    def serving(*given: Any, **options: Any) -> Iterator[str]:
        with served(*given, **options) as where:
            yield where
            for page in new_page.pages:  # type: ignore[attr-defined]
                page.goto("about:blank")

    return serving


@pytest.fixture
def address(library: Library, serve: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """A server of the library."""
    with serve(library) as where:
        yield where


def _inside(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:", "about:"))


@pytest.fixture
def refuse(page: Page) -> Callable[[str], None]:
    """Makes the server refuse all but its status, as the page sees it: a real refusal fails the test."""
    script = """(why) => {
      const ask = window.fetch; // the status is asked for every few seconds, and would say so first
      window.fetch = async (path, ...more) =>
        path === "/api/status" ? ask(path, ...more) : new Response(JSON.stringify({ error: why }), { status: 507 });
    }"""
    return lambda why: page.evaluate(script, why)


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """One page of 1280 x 800."""
    return new_page()
