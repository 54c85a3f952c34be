"""Every view by keyboard and for screen readers: names, focus, contrast, width; by own checks and axe-core."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

VIEWS = {
    "library": ("#/library", ".card"),
    "compare": ("#/compare?a=0&b=1", ".stage"),
    "grid": ("#/grid?ids=0,1,2", ".quad"),
    "search": ("#/search?id=0&t=2", ".hit"),
    "label": ("#/label?id=0", ".moment"),
    "map": ("#/map", "canvas.map"),
}

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
SERIOUS = """async () => (await axe.run()).violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ").slice(0, 300)}`)"""
CHECK = (Path(__file__).parent / "access.js").read_text(encoding="utf-8").split("\n", 1)[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_every_view_is_named_and_readable(
    new_page: Callable[..., Page], address: str, scheme: str, size: tuple[int, int]
) -> None:
    page = new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, reduced_motion="reduce")
    page.goto(address)
    page.wait_for_selector(".card")
    page.evaluate(
        """(token) => fetch("/api/labels", { method: "POST", headers: { "x-syncline-token": token },
        body: JSON.stringify({ id: 0, event: 0, second: 2 }) })""",
        page.locator('meta[name="syncline-token"]').get_attribute("content"),
    )
    found = {}
    for name, (route, there) in VIEWS.items():
        page.goto(f"{address}/{route}")
        page.wait_for_selector(there)
        page.wait_for_load_state("networkidle")
        page.evaluate(AXE)
        found[name] = page.evaluate(CHECK) + page.evaluate(SERIOUS)
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_focus_is_visible_on_everything_that_tab_reaches(page: Page, address: str) -> None:
    page.goto(f"{address}/#/compare?a=0&b=1")
    page.wait_for_selector(".stage")
    reached = set()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for _ in range(40):
        about = page.evaluate(
            """() => { const node = document.activeElement, style = getComputedStyle(node);
            return [node.tagName, node.getAttribute("aria-label") || node.textContent.trim().slice(0, 30),
              style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2]; }"""
        )
        if about[0] == "BODY":
            break
        assert about[2], about
        reached.add(about[1])
        page.keyboard.press("Tab")
    wanted = {"Play", "One frame back", "Position in A", "Speed", "Repeat segment", "Global", "Swap A and B"}
    assert wanted <= reached


def test_reduced_motion_means_no_transitions(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(reduced_motion="reduce")
    page.goto(address)
    page.wait_for_selector(".card")
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter((n) => getComputedStyle(n).transitionDuration !== '0s').length"
    )
    assert moving == 0


def test_the_check_itself_notices(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".card")
    page.evaluate(
        """() => { document.querySelector("h1").style.color = "#ccc";
        document.querySelector("img").removeAttribute("alt");
        document.body.append(document.createElement("button")); document.body.lastChild.textContent = " "; }"""
    )
    page.evaluate(AXE)
    assert {fault.split(":")[0] for fault in page.evaluate(SERIOUS)} >= {"color-contrast", "image-alt", "button-name"}
    faults = " ".join(page.evaluate(CHECK))
    assert "contrast" in faults
    assert "no alt" in faults
    assert "no name" in faults
