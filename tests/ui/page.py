"""Dagster's UI as a person uses it: reading the page, and clicking."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.asking import eventually


@dataclass(frozen=True)
class Page:
    browser: webdriver.Chrome
    ui: str

    def open(self, path: str) -> None:
        self.browser.get(f"{self.ui}{path}")

    def open_definitions(self, location: str) -> None:
        """Open the assets that a location defines, as the graph of their group."""
        self.open(f"/locations/__repository__@{location}/asset-groups/default")

    def open_run(self, run_id: str, show: str = "") -> None:
        """Open a run's page; with `show`, as if that had been typed into the filter of its events.

        The page draws only the rows that are in view: what is farther up has to be filtered for.
        """
        self.open(f"/runs/{run_id}" + (f"?logs={quote(show)}" if show else ""))

    @property
    def text(self) -> str:
        try:
            return self.browser.find_element(By.TAG_NAME, "body").text
        except StaleElementReferenceException:
            return ""

    def shows(self, *texts: str, timeout_seconds: float = 90.0) -> None:
        """Wait until all of it is on the page."""

        def missing() -> list[str]:
            text = self.text
            return [wanted for wanted in texts if wanted not in text]

        self._wait(lambda: not missing(), lambda: f"lacks {missing()}", timeout_seconds)

    def shows_location(self, name: str, status: str, timeout_seconds: float = 90.0) -> None:
        """Wait until the row of that code location, on the deployment's page, says this."""
        path = f"//a[@href='/locations/{name}/']/ancestor::div[contains(., 'Reload')][1]"

        def row() -> str:
            try:
                return "\n".join(found.text for found in self.browser.find_elements(By.XPATH, path))
            except StaleElementReferenceException:
                return ""

        self._wait(
            lambda: status in row().splitlines(),
            lambda: f"says {row()!r} of {name}, not {status}",
            timeout_seconds,
        )

    def switch_is_on(self, timeout_seconds: float = 90.0) -> bool:
        """Return whether the schedule or sensor on the open page is on."""
        return bool(self._switch(timeout_seconds).is_selected())

    def switch(self, timeout_seconds: float = 90.0) -> None:
        """Click the switch on the open page."""
        self.browser.execute_script("arguments[0].click()", self._switch(timeout_seconds))

    def _switch(self, timeout_seconds: float) -> WebElement:
        selector = "label[class*=formatSwitch] input[type=checkbox]"
        found: list[WebElement] = eventually("a switch", lambda: self._all(selector), timeout_seconds, 0.2)
        return found[0]

    def click(self, label: str, timeout_seconds: float = 90.0) -> None:
        """Click the button of that label, as soon as it is there and enabled."""

        def clicked() -> bool:
            try:
                button = self._button(label)
                if button is None or not button.is_enabled():
                    return False
                button.click()
            except WebDriverException:  # re-rendered, or covered for a short time
                return False
            return True

        eventually(f"a button `{label}`", clicked, timeout_seconds, 0.2)

    def type_run_config(self, config: dict[str, Any]) -> None:
        """Write it in place of the text in the launchpad's editor, key by key."""

        def focused() -> bool:
            try:
                self._all(".CodeMirror-lines")[0].click()
            except (IndexError, WebDriverException):
                return False
            return True

        eventually("the editor", focused, 90.0, 0.2)
        keys = self.browser.switch_to.active_element
        keys.send_keys(Keys.CONTROL, "a")
        keys.send_keys(Keys.BACKSPACE)
        keys.send_keys(json.dumps(config))  # JSON is YAML

    def run_id(self, timeout_seconds: float = 90.0) -> str:
        """Return the id of the run whose page is open."""

        def found() -> str | None:
            _, _, rest = self.browser.current_url.partition("/runs/")
            return rest.partition("?")[0] or None

        return str(eventually("a run's page", found, timeout_seconds, 0.2))

    def picture(self, file: Path, timeout_seconds: float = 90.0) -> None:
        """Save what the browser shows, once two screenshots of it are alike."""

        def stands_still() -> bool:
            before = file.read_bytes() if file.exists() else b""
            file.write_bytes(self.browser.get_screenshot_as_png())
            return before == file.read_bytes()

        eventually("the page to stand still", stands_still, timeout_seconds, 0.5)

    def _wait(self, holds: Callable[[], bool], said: Callable[[], str], timeout_seconds: float) -> None:
        try:
            eventually("the page to show it", holds, timeout_seconds, 0.2)
        except AssertionError as error:
            raise AssertionError(f"{self.browser.current_url} {said()}:\n{self.text}") from error

    def _button(self, label: str) -> WebElement | None:
        candidates = self._all("button, a[role=button]")
        return next((found for found in candidates if found.text.strip() == label), None)

    def _all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)
