"""Dagster's UI as a person uses it: what is on the page, and what is clicked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.stacks import eventually


@dataclass(frozen=True)
class Page:
    browser: webdriver.Chrome
    ui: str

    def open(self, path: str) -> None:
        self.browser.get(f"{self.ui}{path}")

    @property
    def text(self) -> str:
        try:
            return self.browser.find_element(By.TAG_NAME, "body").text
        except StaleElementReferenceException:
            return ""

    def shows(self, *texts: str, timeout_seconds: float = 30.0) -> None:
        """Wait until all of it is on the page."""

        def missing() -> list[str]:
            text = self.text
            return [wanted for wanted in texts if wanted not in text]

        def complete() -> bool:
            return not missing()

        try:
            eventually("the page to show it", complete, timeout_seconds, 0.2)
        except AssertionError as error:
            raise AssertionError(f"{self.browser.current_url} lacks {missing()}:\n{self.text}") from error

    def click(self, label: str, timeout_seconds: float = 20.0) -> None:
        """Click the button of that label, as soon as it is there and enabled."""

        def clicked() -> bool:
            try:
                button = self._button(label)
                if button is None or not button.is_enabled():
                    return False
                button.click()
            except WebDriverException:  # re-rendered, or covered for a moment
                return False
            return True

        eventually(f"a button `{label}`", clicked, timeout_seconds, 0.2)

    def type_run_config(self, config: dict[str, Any]) -> None:
        """Replace what stands in the launchpad's editor."""
        editor = eventually("the editor", lambda: self._all(".CodeMirror"), 30.0, 0.2)[0]
        set_value = "arguments[0].CodeMirror.setValue(arguments[1])"
        self.browser.execute_script(set_value, editor, json.dumps(config))  # JSON is YAML

    def filter_log(self, text: str) -> None:
        """Type into the filter of a run's events, which shows only the rows that are in view."""
        box = eventually("the filter", lambda: self._all("input[placeholder^=Filter]"), 20.0, 0.2)[0]
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(text, Keys.ENTER)

    def run_id(self, timeout_seconds: float = 30.0) -> str:
        """The id of the run whose page is open."""

        def found() -> str | None:
            _, _, rest = self.browser.current_url.partition("/runs/")
            return rest.partition("?")[0] or None

        return str(eventually("a run's page", found, timeout_seconds, 0.2))

    def _button(self, label: str) -> WebElement | None:
        candidates = self._all("button, a[role=button]")
        return next((found for found in candidates if found.text.strip() == label), None)

    def _all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)
