"""Workflows for a forge: a change is validated, planned where it is proposed, deployed once merged."""

from typing import Literal

Forge = Literal["github", "gitlab", "gitea"]


def workflow(forge: Forge, target: Literal["local", "kubernetes"]) -> tuple[str, str]:
    """Return path and text. A stack on one machine is deployed on that machine, by a runner of its own."""
    runner = "ubuntu-latest" if target == "kubernetes" else "self-hosted"
    if forge == "gitlab":
        return ".gitlab-ci.yml", GITLAB
    return f".{forge}/workflows/stack.yml", ACTIONS.format(runner=runner)


ACTIONS = """\
# Needs: a runner that reaches the stack ({runner}), and on Kubernetes the secret KUBECONFIG, a kubeconfig
# file with the context that configvalues.yaml names.
name: stack
on:
  pull_request:
  push:
    branches: [main]
permissions:
  contents: read
concurrency:
  group: stack-${{{{ github.ref }}}}
jobs:
  stack:
    runs-on: {runner}
    steps:
      - uses: actions/checkout@v4
      - run: pip install --user uv && echo "$HOME/.local/bin" >> "$GITHUB_PATH"
      - run: uv run --no-dev playground-ops validate --config configvalues.yaml
      - name: Plan or deploy
        env:
          KUBECONFIG_TEXT: ${{{{ secrets.KUBECONFIG }}}}
          WHAT: ${{{{ github.event_name == 'push' && 'deploy' || 'plan' }}}}
        run: |
          if [ -n "$KUBECONFIG_TEXT" ]; then
            export KUBECONFIG="$(mktemp)"
            trap 'rm -f "$KUBECONFIG"' EXIT
            printf '%s\\n' "$KUBECONFIG_TEXT" > "$KUBECONFIG"
          fi
          uv run --no-dev playground-ops "$WHAT" --config configvalues.yaml
"""

GITLAB = """\
# Needs: a runner that reaches the stack, and on Kubernetes the protected variable KUBECONFIG of type file, a
# kubeconfig with the context that configvalues.yaml names.
stages: [validate, stack]
default:
  image: python:3.12
  before_script: [pip install uv]
validate:
  stage: validate
  script: uv run --no-dev playground-ops validate --config configvalues.yaml
plan:
  stage: stack
  rules: [{if: $CI_PIPELINE_SOURCE == "merge_request_event"}]
  script: uv run --no-dev playground-ops plan --config configvalues.yaml
deploy:
  stage: stack
  rules: [{if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH}]
  resource_group: stack
  script: uv run --no-dev playground-ops deploy --config configvalues.yaml
"""
