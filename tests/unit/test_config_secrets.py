"""A password in a URL is refused, and never repeated: not in a sentence and not in a traceback."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from playground_ops.config import read
from playground_ops.core.errors import BadInput

HERE = Path("/srv/stack/configvalues.yaml")

# Long enough not to be found in a sentence by chance; with all that breaks the parsing of a URL.
secrets = st.builds(
    lambda start, odd, end: f"{start}{odd}{end}",
    st.from_regex(r"[a-zA-Z0-9]{8,12}", fullmatch=True),
    st.text("/?#@:[] %\\&;=|'\"`~^*!$(){}\u2100\u0131é", max_size=4),
    st.from_regex(r"[a-zA-Z0-9]{8,12}", fullmatch=True),
)
forms = st.sampled_from(
    [
        "https://user:{}@git.test/x",
        "http://{}@git.test/x",
        "ssh://user:{}@git.test/x",
        "ftp://user:{}@git.test:80/x",
        "HTTPS://:{}@git.test",
        "user:{}@git.test:x",
        "https:/user:{}@git.test/x",
    ]
)


def refusal(text: str) -> BadInput:
    with pytest.raises(BadInput) as raised:
        read(text, HERE)
    return raised.value


def told(refused: BadInput) -> str:
    """Return everything that a person or a log may get to see."""
    fields = "\n".join(found.model_dump_json() for found in refused.findings)
    return f"{refused}\n{fields}\n" + "".join(traceback.format_exception(refused))


@given(secrets, forms)
def test_a_password_is_refused_and_never_repeated(secret: str, form: str) -> None:
    url = form.format(secret)
    refused = refusal(yaml.safe_dump({"code_locations": [{"name": "x", "repo": {"url": url}}]}))
    assert [found.object for found in refused.findings] == ["configvalues.yaml:code_locations[0].repo.url"]
    for part in (secret, secret[:8], secret[-8:]):
        assert part not in told(refused)


@example("00000000://00000000", "user:{}@git.test:x")
@given(secrets, forms)
def test_nor_where_no_url_belongs(secret: str, form: str) -> None:
    url = form.format(secret)
    entry = {"name": url, "repo": {"url": "/x", "ref": url}, "module": url, "smoke_job": url, url: 1}
    document = {
        "webserver": {"host": url, "port": url},
        "target": url,
        "code_locations": [entry, url],
        url: url,
    }
    refused = refusal(yaml.safe_dump(document))
    assert len(refused.findings) >= 9
    for part in (secret, secret[:8], secret[-8:]):
        assert part not in told(refused)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.test/x?access_token=hunter2",
        "https://git.test/x?a=b&private_token=hunter2&c=d",
        "https://u:12/hunter2@git.test/x",
        "ssh://u/hunter2@git.test/x",
        "https://u#hunter2@git.test/x",
        "https://u?hunter2@git.test/x",
        "https://u:hunter2@[::1/x",
        "https://u:hunter2@ho\u2100st/x",
    ],
)
def test_tokens_and_urls_that_can_not_be_read_are_refused_without_repeating_them(url: str) -> None:
    assert "hunter2" not in told(refusal(yaml.safe_dump({"environment": {"repo_url_a": url}})))


@pytest.mark.parametrize(
    "text",
    [
        "a: https://u:hunter2@git.test/x: y",
        "a: [https://u:hunter2@git.test/x",
        "a: !https://u:hunter2@git.test/x b",
        "a: 'https://u:hunter2@git.test/x",
        "a: ['https://u:hunter2@git.test/x', *unknown]",
        "https://u:hunter2@git.test/x",
        "- https://u:hunter2@git.test/x",
        "https://u:hunter2@git.test/x: 1\nhttps://u:hunter2@git.test/x: 2",
        "\thttps://u:hunter2@git.test/x",
    ],
)
@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
def test_nor_when_the_file_is_not_yaml(text: str, parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml, "CSafeLoader", getattr(yaml, parser))
    assert "hunter2" not in told(refusal(text))


@pytest.mark.parametrize(
    "environment", ["PASSWORD=hunter2", ["hunter2"], {"PASSWORD": ["hunter2"]}, {"P": "hunter2\0"}]
)
def test_values_of_the_environment_are_not_shown(environment: object) -> None:
    text = yaml.safe_dump({"code_locations": [{"name": "x", "environment": environment}]})
    assert "hunter2" not in told(refusal(text))


@given(st.text(st.characters(categories=("Cc", "Cf", "Zl", "Zp")), min_size=1, max_size=3))
def test_what_a_terminal_would_obey_is_not_printed(control: str) -> None:
    said = str(refusal(yaml.safe_dump({f"k{control}": 1, "target": f"x{control}"}))).replace("\n", "")
    assert said.isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "ssh://git@git.test/x",
        "git@git.test:team/x.git",
        "git.test:x",
        "https://git.test:8443/x",
        "./a@b",
        "/srv/a@b:c",
    ],
)
def test_a_user_alone_is_no_secret(url: str) -> None:
    assert (
        read(yaml.safe_dump({"code_locations": [{"name": "x", "repo": url}]}), HERE).locations[0].repository
    )
