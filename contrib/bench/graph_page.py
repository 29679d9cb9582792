"""The graph page in a browser: opening until the first rows are painted, what travels, and frames while scrolling.

    python -m contrib.bench.graph_page http://localhost:8000/owner/name

On a machine that does nothing else: the browser paints by CPU here, and a neighbour's work shows as late frames. The CPU time of the page's
own thread is told besides, which depends on neighbours less.
"""

from __future__ import annotations

import argparse
import shutil
from statistics import median
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

VIEW = {"width": 1440, "height": 900}
TIMES = 8
SETTLE = 700  # ms in which the browser ends what it does for itself in a new window

# When the first row is in the page and the frame that shows it is drawn, in ms since the navigation began.
WATCH = """(() => {
  const look = () => {
    const row = document.querySelector('.graph-stage[data-ready] .graph-rows > .row:not([data-waiting]):not([hidden])');
    if (!row) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => { window.painted = performance.now(); }));
  };
  requestAnimationFrame(look);
})()"""
PAINTED = (
    "new Promise((done) => { const look = () => window.painted ? done(window.painted) : setTimeout(look, 2); look(); })"
)

# A way through the history for so many ms: the time from frame to frame.
SCROLL = """async ([way, ms]) => {
  const grid = document.querySelector('.graph-list'), map = document.querySelector('.graph-map');
  const box = map.getBoundingClientRect();
  const point = (type, y) => map.dispatchEvent(
    new PointerEvent(type, { clientX: box.left + 10, clientY: box.top + y, pointerId: 1, button: 0, bubbles: true }));
  map.setPointerCapture = () => {};
  const steps = {
    'the map dragged from end to end': (part) => point('pointermove', 4 + (box.height - 8) * (0.5 - Math.cos(2 * Math.PI * part) / 2)),
    'the wheel turned': () => { grid.scrollTop += 60; },
    'a slow scroll': () => { grid.scrollTop += 9; },
  };
  if (way.includes('map')) point('pointerdown', 4);
  const begun = performance.now(), frames = [];
  for (let last = begun; last - begun < ms; ) {
    await new Promise(requestAnimationFrame);
    frames.push(performance.now() - last);
    last = performance.now();
    steps[way]((last - begun) / ms);
  }
  map.dispatchEvent(new PointerEvent('lostpointercapture', { pointerId: 1 }));
  return frames.slice(1);
}"""
WAYS = ("the map dragged from end to end", "the wheel turned", "a slow scroll")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="of a repository's graph page that needs no account")
    parser.add_argument("--seconds", type=float, default=10, help="of each way of scrolling (default: 10)")
    arguments = parser.parse_args()
    path = next((found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        opening(browser, arguments.address)
        scrolling(browser, arguments.address, arguments.seconds)
        browser.close()


def opening(browser: Browser, address: str) -> None:
    """Each with nothing in the browser's cache, and again with everything."""
    cold: list[float] = []
    warm: list[float] = []
    sizes: list[int] = []
    for _ in range(TIMES):
        context = browser.new_context(viewport=VIEW)  # type: ignore[arg-type]
        context.add_init_script(WATCH)
        for times in (cold, warm):
            page = context.new_page()
            travelled = watched(page)
            page.wait_for_timeout(SETTLE)
            page.goto(address)
            times.append(float(page.evaluate(PAINTED)))
            page.wait_for_timeout(300)
            if times is cold:
                sizes.append(sum(travelled))
            page.close()
        context.close()
    for name, times in (("nothing in the cache", cold), ("again", warm)):
        print(f"opening, {name}: first rows after {median(times):.0f} ms (from {min(times):.0f} to {max(times):.0f})")
    print(f"travelled until then, with headers: {median(sizes) / 1000:.1f} kB")


def watched(page: Page) -> list[int]:
    """Grows by the bytes of each answer."""
    sizes: list[int] = []
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    return sizes


def scrolling(browser: Browser, address: str, seconds: float) -> None:
    page = browser.new_page(viewport=VIEW)  # type: ignore[arg-type]
    page.add_init_script(WATCH)
    page.goto(address)
    page.evaluate(PAINTED)
    page.wait_for_timeout(1000)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics: list[dict[str, Any]] = devtools.send("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")

    for way in WAYS:
        before = spent()
        frames: list[float] = page.evaluate(SCROLL, [way, seconds * 1000])
        late = 100 * sum(frame > 32 for frame in frames) / len(frames)
        cost = 1000 * (spent() - before) / len(frames)
        print(
            f"{way}: {len(frames) / seconds:.0f} frames a second, {late:.1f} % over 32 ms, "
            f"{cost:.1f} ms of the page's thread each"
        )


if __name__ == "__main__":
    main()
