"""A real browser without a screen: Debian's Chromium, driven over its own pipe (DevTools protocol).

No port is opened and nothing is fetched. https://chromedevtools.github.io/devtools-protocol/ has
the commands; `--remote-debugging-pipe` takes them at descriptor 3 and answers at descriptor 4.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

LIMIT_S = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "there is no Chromium here; on Debian and Ubuntu: apt-get install chromium"
COMPLAINTS = ("Runtime.exceptionThrown", "Log.entryAdded")
LOADED = "Page.loadEventFired"
CONSOLE = "Runtime.consoleAPICalled"


class BrowserError(Exception):
    """The browser did not do as it was told, or not in time."""


def installed() -> str | None:
    """The browser's path; None = there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser with one page."""

    def __init__(self, pid: int, to_browser: int, from_browser: int) -> None:
        self.pid = pid
        self._to_browser = to_browser
        self._from_browser = from_browser
        self._rest = b""
        self._count = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        self._attach()

    def open(self, path: Path, fragment: str = "") -> None:
        """Show a file in the page, loaded anew; returns once it has loaded.

        `fragment` = what stands behind the address's ``#``.
        """
        # Another fragment of the same address would load nothing.
        for url in ("about:blank", f"{path.as_uri()}#{fragment}"):
            self.events.clear()
            self.send("Page.navigate", url=url)
            deadline_s = time.monotonic() + LIMIT_S
            while LOADED not in (event["method"] for event in self.events):
                self._receive(deadline_s, f"{url} to be loaded")

    def _attach(self) -> None:
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def complaints(self) -> list[str]:
        """Errors and warnings of the page, its console's included."""
        told = [event for event in self.events if event["method"] in COMPLAINTS]
        told += [
            event
            for event in self.events
            if event["method"] == CONSOLE and event["params"]["type"] in ("error", "warning")
        ]
        return [json.dumps(event["params"]) for event in told]

    def requests(self) -> list[str]:
        """What the page asked of any network: neither its own file nor what it holds inline."""
        asked = (
            str(event["params"]["request"]["url"])
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        )
        return [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]

    def look(self, *, width_px: int = 1200, height_px: int = 900, scheme: str = "light") -> None:
        """Give the page a size and ``light`` or ``dark``."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width_px,
            height=height_px,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[scheme_feature])

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise's when it is kept."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        self.wait_until(lambda: bool(self.ask(expression)), expression)

    def press(self, key: str, text: str = "") -> None:
        """Press and let go one key, by its name; `text` is what it types."""
        typed = {"text": text} if text else {}
        self.send(
            "Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **CODES[key], **typed
        )
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, **CODES[key])

    def type(self, text: str) -> None:
        """Type into what has the focus."""
        self.send("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        """Write a PNG of the whole page."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(taken["data"]))

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its answer. Raises BrowserError."""
        self._count += 1
        number = self._count
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        deadline_s = time.monotonic() + LIMIT_S
        while True:
            heard = self._receive(deadline_s, f"the answer to {method}")
            if heard.get("id") == number:
                if "error" in heard:
                    raise BrowserError(f"{method}: {heard['error']}")
                result: dict[str, Any] = heard["result"]
                return result

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for what only events or the page can tell."""
        deadline_s = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise BrowserError(f"waited {LIMIT_S:g} s in vain for {what}")
            self.ask("new Promise(requestAnimationFrame)")

    def _receive(self, deadline_s: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not select.select([self._from_browser], [], [], left_s)[0]:
                raise BrowserError(f"waited {LIMIT_S:g} s in vain for {what}")
            piece = os.read(self._from_browser, 1 << 20)
            if not piece:
                raise BrowserError(f"the browser ended while {what} was awaited")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        heard: dict[str, Any] = json.loads(line)
        if "method" in heard:
            self.events.append(heard)
        return heard


CODES: dict[str, dict[str, int]] = {
    "Tab": {"windowsVirtualKeyCode": 9},
    "Enter": {"windowsVirtualKeyCode": 13},
    "ArrowDown": {"windowsVirtualKeyCode": 40},
}
"""Of each key that `press` knows: what Chromium wants to know beside its name."""


def _high(descriptor: int) -> int:
    """The same above those that the browser wants at 3 and 4."""
    high: int = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return high


@contextmanager
def browser(executable: str, folder: Path) -> Iterator[Browser]:
    """A browser whose profile lies in `folder`; gone afterwards, with all of its processes."""
    # A name of its own: the path of a socket in it must not be long, and pytest's folders are.
    with TemporaryDirectory(prefix="cbt-", ignore_cleanup_errors=True) as temporary:
        yield from _browser(executable, folder, temporary)


def _browser(executable: str, folder: Path, temporary: str) -> Iterator[Browser]:
    in_read, in_write, out_read, out_write = map(_high, (*os.pipe(), *os.pipe()))
    arguments = [
        executable,
        "--headless=new",
        "--remote-debugging-pipe",
        f"--user-data-dir={folder}",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        # As root Chromium does not start inside its sandbox; the only page is our own file.
        "--no-sandbox",
    ]
    log = os.open(folder / "chromium.log", os.O_CREAT | os.O_WRONLY)
    pid = os.posix_spawn(
        executable,
        arguments,
        {**os.environ, "HOME": str(folder), "TMPDIR": temporary},
        file_actions=[
            (os.POSIX_SPAWN_DUP2, in_read, 3),
            (os.POSIX_SPAWN_DUP2, out_write, 4),
            (os.POSIX_SPAWN_DUP2, log, 1),
            (os.POSIX_SPAWN_DUP2, log, 2),
        ],
        setpgroup=0,
    )
    for descriptor in (in_read, out_write, log):
        os.close(descriptor)
    try:
        yield Browser(pid, in_write, out_read)
    finally:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(in_write)
        os.close(out_read)
