"""Headless Chromium for the tests of the page: skipped where it is not installed, unless asked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

BROWSER, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def require_chromium() -> None:
    """Skips the test, loudly, or fails it where $EDGEPROOF_REQUIRE names chromium."""
    if shutil.which(BROWSER) and shutil.which(DRIVER):
        return
    reason = (
        f"the page was NOT tried in a browser: apt install chromium chromium-driver ({BROWSER})"
    )
    if "chromium" in os.environ.get("EDGEPROOF_REQUIRE", ""):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def browser(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser with a fresh profile that logs its console and its requests."""
    options = Options()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def look(driver: webdriver.Chrome, width: int, height: int, scheme: str = "light") -> None:
    """Another screen, in pixels, and another colour scheme."""
    tell(
        driver,
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    tell(driver, "Emulation.setEmulatedMedia", {"features": features})


def tell(driver: webdriver.Chrome, command: str, parameters: dict[str, Any]) -> None:
    """A command of Chrome's DevTools protocol."""
    driver.execute_cdp_cmd(command, parameters)
